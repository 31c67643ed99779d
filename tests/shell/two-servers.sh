#!/usr/bin/env bash
# Two servers on one folder, as two replicas with one volume have it.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
start_server "$storage"
one=$URL first=$PID

# An upload is in flight while the second server starts: it must not take it for what a crash left
# behind.
random_file "$work/body" 4M
hold_upload "$one/file/in-flight"
head -c 2M "$work/body" >&"$HELD"
start_server "$storage"
two=$URL second=$PID
check "a second server starts on the folder" same OK "$(curl -sS -f "$two/file")"
tail -c 2M "$work/body" >&"$HELD"
end_upload "$HELD" "$UPLOAD"
check "an upload to the first survives it" same 0 "$CODE"
check "and is whole" cmp "$work/body" "$storage/in-flight"

across() {
  curl -sS -f -X POST -T "$work/body" "$one/file/a%2Fshared"
  curl -sS -f "$two/file/a%2Fshared" | cmp - "$work/body"
  printf 'more' | curl -sS -f -X PUT -T - "$two/file/a%2Fshared"
  same more "$(curl -sS -f "$one/file/a%2Fshared" | tail -c 4)"
  curl -sS -f -X PUT --data-raw '{"path": "b"}' "$one/file/a%2Fshared/mv"
  same $'a\nb\nin-flight' "$(curl -sS -f "$two/file/%2F")"
  curl -sS -f -X DELETE "$two/file/b"
  fails_with 22 curl -sf "$one/file/b"
}
check "what one writes the other reads, appends to, moves and removes" across

export one two work
mkdir "$work/lines"
for number in {1..60}; do
  {
    printf '%s:' "$number"
    head -c $((number * 4096)) /dev/urandom | base64 -w 0
    echo
  } >"$work/lines/$number"
done
append_all() {
  curl -sS -f -X POST -d '' "$one/file/log"
  seq 60 | xargs -P 12 -I{} sh -c \
    'n={}; [ $((n % 2)) = 0 ] && to=$one || to=$two; cat "$work/lines/$n" | curl -sS -f -o /dev/null -X PUT -T - "$to/file/log"'
  cat "$work"/lines/* | LC_ALL=C sort >"$work/expected"
  LC_ALL=C sort "$storage/log" | cmp - "$work/expected"
}
check "60 appends to one file through both: each is there once and whole" append_all

# One server is killed with an upload open, while the other has one open too.
hold_upload "$two/file/survivor"
survivor=$HELD survivor_upload=$UPLOAD
head -c 2M "$work/body" >&"$survivor"
hold_upload "$one/file/victim"
victim=$HELD victim_upload=$UPLOAD
head -c 2M "$work/body" >&"$victim"
signal KILL "$first"
end_upload "$victim" "$victim_upload"
upload_failed() { [[ $CODE != 0 && $CODE != none ]]; }
check "the upload to a server that was killed fails for its client" upload_failed
check "nothing of it is visible" fails_with 22 curl -sf "$two/file/victim"
check "the other server goes on" same OK "$(curl -sS -f "$two/file")"

start_server "$storage"
three=$URL third=$PID
tail -c 2M "$work/body" >&"$survivor"
end_upload "$survivor" "$survivor_upload"
check "an upload to the other survives the crash and the restart" same 0 "$CODE"
check "whole" cmp "$work/body" "$storage/survivor"
check "what the crash left is gone after the restart" no_litter "$storage"
check "the new server serves" curl -sS -f -o /dev/null "$three/file/survivor"

signal TERM "$second"
check "one ends well" same 0 "$CODE"
check "the other still serves" curl -sS -f -o /dev/null "$three/file/survivor"
signal TERM "$third"
check "so does the last" same 0 "$CODE"
finish
