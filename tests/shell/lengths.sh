#!/usr/bin/env bash
# The length that a reader sees while appends wait for each other, with a reader that is slow
# between two system calls.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
start_server "$storage"
export writer=$URL
first=$PID
start_server "$storage"

can_trace() {
  command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null
}
if ! can_trace; then
  skip "lengths while appends wait for each other" "strace is not there or may not trace"
  finish
fi

# trace PROCESS STRACE-ARGUMENT...: from now on this happens to its system calls.
trace() {
  local tracer
  strace -f -qq -o /dev/null -p "$@" 2>"$work/strace.err" &
  tracer=$!
  wait_for 20 attached "$1" "$tracer"
  if gone "$tracer"; then
    skip "lengths while appends wait for each other" "strace cannot attach: $(head -n 1 "$work/strace.err")"
    finish
  fi
}
attached() {
  gone "$2" || grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/$1/status"
}
# The writer copies in small steps, so that a file is for long in the middle of an append.
trace "$first" -e trace=copy_file_range,sendfile -e inject=copy_file_range,sendfile:error=EINVAL
# The reader takes the size of a file and then stands still, for as long as one append takes to end
# and the next one to write down how long the file is.
trace "$PID" -e trace=fstat,newfstatat -e inject=fstat,newfstatat:delay_exit=10000

export piece=$((1 << 20)) work
random_file "$work/piece" "$piece"
curl -sS -f -o /dev/null -X POST -T "$work/piece" "$writer/file/d%2Ffile"

# lengths_while_appending COMMAND: runs it repeatedly while the file grows. What it prints is a length
# each time, of whole appends.
lengths_while_appending() {
  local appends looks=0 length
  seq 40 | xargs -P 5 -I{} curl -sS -f -o /dev/null -X PUT -T "$work/piece" "$writer/file/d%2Ffile" &
  appends=$!
  until gone "$appends"; do
    length=$("$@")
    looks=$((looks + 1))
    ((length > 0 && length % piece == 0)) || {
      echo "$length bytes are not whole appends of $piece"
      wait "$appends"
      return 1
    }
  done
  wait "$appends"
  echo "$looks looks"
  ((looks > 3))
}
by_get() { curl -sS -f -r 0-0 -o /dev/null -D - "$URL/file/d%2Ffile" | sed -n 's,^Content-Range: bytes 0-0/\([0-9]*\).*,\1,p'; }
by_listing() { curl -sS -f -H 'Accept: application/json' "$URL/file/d" | sed -n 's/.*"size":\([0-9]*\).*/\1/p'; }
check "GET tells a length of whole appends" lengths_while_appending by_get
check "the listing tells a size of whole appends" lengths_while_appending by_listing
finish
