#!/usr/bin/env bash
# Writes that fail in the middle: the server may make no file larger than 8 MiB (RLIMIT_FSIZE),
# whatever its disk holds.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
random_file "$work/old" 6M
random_file "$work/more" 5M
random_file "$work/little" 1M
random_file "$work/large" 10M

# With the signal ignored, a write beyond the limit is an error (setrlimit(2)).
trap '' XFSZ
ulimit -S -f 8192
start_server "$storage"
ulimit -S -f unlimited
trap - XFSZ

curl -sS -f -o /dev/null -X POST -T "$work/old" "$URL/file/file"

# The body fits by itself, and so does a part of it behind the file: the append fails when it has
# begun.
refused() {
  local code
  code=$(curl -sS -o "$work/reply" -w '%{http_code}' "$@") || true
  [[ $code == 5* ]] || same 5xx "$code"
}
append_fails() {
  refused -X PUT -T "$work/more" "$@" "$URL/file/file"
  cmp "$work/old" "$storage/file"
  curl -sS -f "$URL/file/file" | cmp - "$work/old"
  no_litter "$storage"
}
check "an append that fails in the middle leaves the file as it was" append_fails
check "so does one whose length is not known beforehand" append_fails -H 'Transfer-Encoding: chunked'
append_goes_on() {
  curl -sS -f -o /dev/null -X PUT -T "$work/little" "$URL/file/file"
  cat "$work/old" "$work/little" | cmp - "$storage/file"
}
check "an append that fits follows right behind the old content" append_goes_on

upload_fails() {
  refused -X POST -T "$work/large" "$@" "$URL/file/file"
  cat "$work/old" "$work/little" | cmp - "$storage/file"
  refused -X POST -T "$work/large" "$@" "$URL/file/new"
  absent "$storage/new"
  no_litter "$storage"
}
check "an upload that fails in the middle changes nothing" upload_fails
check "so does one whose length is not known beforehand" upload_fails -H 'Transfer-Encoding: chunked'

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
finish
