#!/usr/bin/env bash
# Starting the server: flags, variables, what a wrong one says, and what the log holds.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

version() { [[ $("$http_nas" --version) == "http-nas "[0-9]* ]]; }
check "--version names the program and a version" version

# A wrong start ends at once, with one line and without a word on the standard output.
stops() {
  local code=0
  (cd "$work" && timeout 20 env "$@" >"$work/out" 2>"$work/error") || code=$?
  echo "exit code $code, standard error:"
  cat "$work/error"
  ((code == 1 || code == 2))
  same 1 "$(wc -l <"$work/error")"
  [[ ! -s $work/out ]]
}
wrong() { check "$1: one line, and no start" stops "${@:2}"; }
wrong "an unknown flag" "$http_nas" --no-such-flag
wrong "a folder in two ways" "$http_nas" --storage "$work/one" "$work/two"
wrong "a mistyped command" "$http_nas" heatlh
wrong "a port that is no number" "$http_nas" --port many
wrong "a port that is too large" "$http_nas" --port 65536
wrong "a flag without its value" "$http_nas" --port
wrong "a host that is none" "$http_nas" --port 0 --host 'no host'
wrong "a size that is none" "$http_nas" --port 0 --min-free-space much
wrong "a number of transfers that is none" "$http_nas" --port 0 --max-transfers -1
wrong "a way to sync that is none" "$http_nas" --port 0 --sync perhaps
wrong "a log format that is none" "$http_nas" --port 0 --log-format xml
wrong "a wrong value in a variable" PORT=many "$http_nas"
touch "$work/no-folder"
wrong "a storage that is a file" "$http_nas" --port 0 --storage "$work/no-folder"

wrong "a storage whose parent is missing" "$http_nas" --port 0 --storage "$work/made/for/it"
start_server "$work/made-for-it"
storage_made() { [[ -d $work/made-for-it ]]; }
check "a missing storage folder is made" storage_made
wrong "a port that is taken" "$http_nas" --port "${URL##*:}" --storage "$work/made-for-it"

logged() { wait_for 10 grep -qE "$1" "$LOG"; }
curl -sS -o /dev/null "$URL/file/missing"
check "the log has one line for a request, with its name and status" logged ' method=GET name="missing" status=404 '
curl -sS -o /dev/null "$URL/file/a%0Ab%22"
check "the log escapes control characters" logged 'name="[^"]*a(%0A|\\u\{a\})b'
no_raw() { same 0 "$(grep -c '^b' "$LOG" || true)"; }
check "and no line of it begins with what a client sent" no_raw
signal TERM "$PID"

export LOG_FORMAT=json RUST_LOG=info STORAGE_PATH=$work/by-variable
start_server "$work/by-flag"
check "flags win over variables" absent "$work/by-variable"
printf 'x' | curl -sS -f -o /dev/null -X POST -T - "$URL/file/stored"
check "LOG_FORMAT=json logs an object a line" logged '^\{.*"name": ?"stored".*\}$'
unset LOG_FORMAT RUST_LOG STORAGE_PATH
signal TERM "$PID"

# No --storage and no variable: the folder is ./storage.
mkdir "$work/here"
(cd "$work/here" && exec "$http_nas" --port 0 >"$work/here.out" 2>&1) &
storage_here() { [[ -d $work/here/storage ]] && grep -q '^listening on http://127.0.0.1:' "$work/here.out"; }
check "by default it serves ./storage on the loopback address" wait_for 20 storage_here
finish
