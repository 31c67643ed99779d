#!/usr/bin/env bash
# usage: scripts/e2e-clients.sh [CLIENT...]
#
# Runs the clients that http-nas is to work with, each against a server of its own, and prints the table of what was
# run: client, version, what was checked. A client of which a check has failed is not in the table. Without names, all
# of them; see `every` below, and scripts/clients.
#
# Programs that are missing are unpacked from Debian's packages (as root), and Python's from PyPI, into
# target/clients, where they stay. What cannot be had is skipped by name. The server is target/release/http-nas (built if
# missing) or $HTTP_NAS. SEED=N breaks the connections at other places. With TABLE=FILE the table goes there too.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

every=(curl curl-append wget aria2c rclone tar requests httpx fsspec pandas pyarrow duckdb)

# client_command NAME: sets COMMAND.
client_command() {
  if [[ -e $root/scripts/clients/with_$1.py ]]; then
    COMMAND=("$root/scripts/clients/python.sh" "$1")
  elif [[ -e $root/scripts/clients/$1.sh ]]; then
    COMMAND=("$root/scripts/clients/$1.sh")
  else
    echo "there is no client \"$1\"; there are: ${every[*]}" >&2
    exit 2
  fi
}

names=("$@")
((${#names[@]} > 0)) || names=("${every[@]}")
for name in "${names[@]}"; do client_command "$name"; done

[[ -x $http_nas ]] || cargo build --release --locked --manifest-path "$root/Cargo.toml"
need_server_binary
command -v curl >/dev/null || {
  echo "there is no curl"
  exit 77
}

export HTTP_NAS=$http_nas CLIENT_ROWS=$work/rows
: >"$CLIENT_ROWS"
failures=()
for name in "${names[@]}"; do
  client_command "$name"
  started=$SECONDS
  code=0
  run_shown "$name" "${COMMAND[@]}" || code=$?
  case $code in
    77) skip "$name" "$(tail -n 1 "$work/shown")" ;;
    *)
      # Counts that are not there are a script that has not come to its end.
      if ! add_counts "$work/shown" || ((code > 1)); then
        failed=$((failed + 1))
        failures+=("$name stopped with exit code $code before its end")
      fi
      mapfile -t -O "${#failures[@]}" failures < <(sed -n 's/^FAIL /'"$name"': /p' "$work/shown")
      ;;
  esac
  echo "$name took $((SECONDS - started)) s"
done

printf '\n| client | version | what was checked |\n| --- | --- | --- |\n' >"$work/table"
cat "$CLIENT_ROWS" >>"$work/table"
cat "$work/table"
[[ -z ${TABLE-} ]] || tail -n +2 "$work/table" >"$TABLE"

echo
for failure in "${failures[@]}"; do echo "failed: $failure"; done
finish
