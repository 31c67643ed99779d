#!/usr/bin/env bash
# usage: e2e/clients/python.sh NAME
#
# Runs with_NAME.py, a client from PyPI, against a server of its own; "tokens" against one that asks
# for them.

# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

program=$clients/with_${1-}.py
[[ -n ${1-} && -e $program ]] || {
  sed -n 's/^# usage/usage/p' "${BASH_SOURCE[0]}" >&2
  exit 2
}
need_python_packages
cd -- "$work"
if [[ $1 == tokens ]]; then
  start_closed_server
  storage=$work/closed
else
  start_server "$work/storage"
  storage=$work/storage
fi

# Its row is the table's only if the server has done its part as well.
rows=${CLIENT_ROWS:-/dev/null}
export CLIENT_ROWS=$work/row
: >"$CLIENT_ROWS"
set +e
timeout -k 10 600 "$python" -W ignore::DeprecationWarning "$program" "$URL" "$storage" "$LOG" 2>&1 </dev/null | tee "$work/shown"
code=${PIPESTATUS[0]}
set -e
# Counts that are not there are a program that has not come to its end.
if ! add_counts "$work/shown" || ((code > 1)); then
  failed=$((failed + 1))
  echo "FAIL $1 ended with exit code $code before its end"
fi

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
((failed > 0)) || cat "$CLIENT_ROWS" >>"$rows"
finish
