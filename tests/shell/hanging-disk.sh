#!/usr/bin/env bash
# A disk that hangs, as a network file system does whose server has gone: what needs it waits for
# it, and nothing else does. strace holds the calls up that a health check looks at the storage
# with.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

slots=2
start_server "$work/storage" --max-transfers "$slots"
uploads_held=()
for ((number = 0; number < slots; number++)); do
  hold_upload "$URL/file/held-$number"
  uploads_held+=("$HELD" "$UPLOAD")
done

# Of the storage alone: the C library opens files, too, when a thread begins.
strace -f -qq -o /dev/null -P "$work/storage" -e trace=openat -e inject=openat:delay_enter=60000000 -p "$PID" 2>"$work/strace.err" &
tracer=$!
hangs() {
  local code=0
  if gone "$tracer"; then
    skip "a disk that hangs" "strace is not there or may not trace: $(head -n 1 "$work/strace.err")"
    finish
  fi
  curl -s --max-time 0.5 -o /dev/null "$URL/file" || code=$?
  ((code == 28))
}
wait_for 20 hangs

for number in {1..12}; do
  curl -sS -f -o "$work/health-$number" "$URL/file" &
done
# As many of them as may look at the disk at once.
under_way() { (($(grep -c 'transfer started .* method=GET' "$LOG") >= 4)); }
check "health checks wait for a disk that hangs" wait_for 20 under_way
check "a POST too many gets 503 all the same" status 503 --max-time 2 -X POST -d '' "$URL/file/more"
check "so does a GET" status 503 --max-time 2 "$URL/file/more"
check "so does what is no file" status 404 --max-time 2 "$URL/other"

signal TERM "$tracer"
answered() { same "$(printf 'OK%.0s' {1..12})" "$(cat "$work"/health-*)"; }
check "the disk is back: the health checks are answered" wait_for 20 answered
for ((number = 0; number < slots; number++)); do
  end_upload "${uploads_held[2 * number]}" "${uploads_held[2 * number + 1]}"
  check "and upload $number is stored" same 0 "$CODE"
done
finish
