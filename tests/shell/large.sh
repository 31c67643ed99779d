#!/usr/bin/env bash
# A large body through pipes in both directions, and what it costs the server in memory.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
start_server "$storage"
random_file "$work/large" 300M
sum=$(checksum "$work/large")

# shellcheck disable=SC2002
pipe_in() { cat "$work/large" | curl -sS -f -X POST -T - "$URL/file/large"; }
check "300 MiB go in through a pipe" pipe_in
check "they are stored byte for byte" cmp "$work/large" "$storage/large"

pipe_out() { same "$sum" "$(curl -sS -f "$URL/file/large" | checksum)"; }
check "they come out through a pipe with the same SHA-256" pipe_out

pipe_out_compare() { curl -sS -f "$URL/file/large" | cmp - "$work/large"; }
check "cmp finds no difference" pipe_out_compare

lines() { same "$(wc -l <"$work/large")" "$(curl -sS -f "$URL/file/large/wc")"; }
check "wc counts their lines as wc -l does" lines

check "300 MiB go in with a declared length" status 200 -X POST -T "$work/large" "$URL/file/large"
check "they are stored byte for byte as well" cmp "$work/large" "$storage/large"

through() { curl -sS -f "$URL/file/large" | curl -sS -f -X POST -T - "$URL/file/copy"; }
check "one pipe reads and writes at once" through
check "the copy is the same" cmp "$work/large" "$storage/copy"

append() {
  curl -sS -f -X PUT -T "$work/large" "$URL/file/copy"
  cat "$work/large" "$work/large" | cmp - "$storage/copy"
}
check "300 MiB are appended" append

# The measure is what the process took for itself: pages of files that it reads or sends are the
# kernel's.
small_memory() {
  local kilobytes
  kilobytes=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$PID/status")
  echo "the server's peak is $kilobytes KiB"
  ((kilobytes < 65536))
}
check "the server's memory stayed below 64 MiB" small_memory
check "nothing is left in the server's own folder" no_litter "$storage"
finish
