#!/usr/bin/env bash
# Signals: what is in flight is finished, what is new is refused, and nothing half-done stays.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
random_file "$work/body" 64M

start_server "$storage"
signal TERM "$PID"
check "SIGTERM ends an idle server with 0" same 0 "$CODE"

start_server "$storage"
signal INT "$PID"
check "SIGINT does too" same 0 "$CODE"

# A server that is shutting down refuses the connection or answers 503. To leave the client waiting
# is neither.
turned_away() {
  local status code=0
  status=$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' "$URL/file") || code=$?
  [[ $status == 503 ]] || ((code != 0 && code != 28))
}

start_server "$storage"
hold_upload "$URL/file/upload"
head -c 32M "$work/body" >&"$HELD"
kill -TERM "$PID"
check "SIGTERM during an upload: new requests are turned away" wait_for 20 turned_away
tail -c 32M "$work/body" >&"$HELD" || true
end_upload "$HELD" "$UPLOAD"
check "SIGTERM during an upload: the upload succeeds" same 0 "$CODE"
ended "$PID"
check "SIGTERM during an upload: the server ends with 0" same 0 "$CODE"
check "SIGTERM during an upload: the file is whole" cmp "$work/body" "$storage/upload"

start_server "$storage"
mkfifo "$work/download"
curl -sS -f "$URL/file/upload" >"$work/download" &
download=$!
exec {reading}<"$work/download"
head -c 1M <&"$reading" >"$work/got"
kill -TERM "$PID"
check "SIGTERM during a download: new requests are turned away" wait_for 20 turned_away
cat <&"$reading" >>"$work/got"
exec {reading}<&-
ended "$download"
check "SIGTERM during a download: the download succeeds" same 0 "$CODE"
check "SIGTERM during a download: it is whole" cmp "$work/body" "$work/got"
ended "$PID"
check "SIGTERM during a download: the server ends with 0" same 0 "$CODE"

start_server "$storage" --shutdown-timeout 1
hold_upload "$URL/file/late"
head -c 32M "$work/body" >&"$HELD"
signal TERM "$PID"
check "--shutdown-timeout: a server does not wait for longer, and ends with 0" same 0 "$CODE"
end_upload "$HELD" "$UPLOAD"
upload_failed() { [[ $CODE != 0 && $CODE != none ]]; }
check "--shutdown-timeout: the upload fails for its client" upload_failed
check "--shutdown-timeout: nothing of it is visible" absent "$storage/late"
check "--shutdown-timeout: nothing of it is left" nothing_staged "$storage"

start_server "$storage" --shutdown-timeout 120
hold_upload "$URL/file/late"
head -c 1M "$work/body" >&"$HELD"
kill -TERM "$PID"
wait_for 20 turned_away
signal TERM "$PID"
ended_at_once() { [[ $CODE != none ]]; }
check "a second signal ends the server at once" ended_at_once
end_upload "$HELD" "$UPLOAD"
check "a second signal: nothing of the upload is visible" absent "$storage/late"
start_server "$storage"
check "a second signal: nothing of it is left after the next start" no_litter "$storage"

hold_upload "$URL/file/upload"
head -c 32M "$work/body" >&"$HELD"
signal KILL "$PID"
end_upload "$HELD" "$UPLOAD"
check "SIGKILL during a replacement: the upload fails for its client" upload_failed
check "SIGKILL during a replacement: the old file is whole" cmp "$work/body" "$storage/upload"
start_server "$storage"
check "SIGKILL during a replacement: nothing of it is left after the next start" no_litter "$storage"
check "SIGKILL during a replacement: the old file is served" same "$(checksum "$work/body")" \
  "$(curl -sS -f "$URL/file/upload" | checksum)"
finish
