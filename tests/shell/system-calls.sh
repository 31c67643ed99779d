#!/usr/bin/env bash
# What can be seen only in the server's system calls: that --sync data writes to the disk before it
# says so, and that a small reply leaves in one write.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
trace=$work/trace
start_server "$storage" --sync data

if ! can_trace; then
  skip "the order of system calls" "strace is not there or may not trace"
  finish
fi

# The calls of the server go to $trace, each descriptor with its path.
strace -f -y -qq -s 40 -o "$trace" -e trace=fsync,fdatasync,syncfs,rename,renameat,renameat2,sendmsg,sendto,write,unlinkat,mkdirat \
  -p "$PID" 2>"$work/strace.err" &
tracer=$!
traced() {
  if gone "$tracer"; then
    skip "the order of system calls" "strace cannot attach: $(head -n 1 "$work/strace.err")"
    finish
  fi
  curl -sS -f -o /dev/null "$URL/file"
  grep -q 'HTTP/1.1 200' "$trace"
}
wait_for 20 traced

# calls_of CURL-ARGUMENT...: makes a request and prints what the server did for it, one word a call:
# what was synced (`data`, `folder`, `all`), what changed a name (`rename`, `unlink`, `mkdir`), and the
# reply (`200`).
calls_of() {
  local before
  before=$(wc -l <"$trace")
  curl -sS -f -o /dev/null "$@" || return 1
  wait_for 20 said_200 "$before"
  tail -n +"$((before + 1))" "$trace" | sed -nE \
    -e 's/.* fdatasync\(.*/data/p' \
    -e 's/.* syncfs\(.*/all/p' \
    -e 's/.* fsync\(.*\/\.http-nas\/joins>.*/intent-folder/p' \
    -e 's/.* fsync\(.*/folder/p' \
    -e 's/.* rename(at|at2)?\(.*/rename/p' \
    -e 's/.* unlinkat\(.*/unlink/p' \
    -e 's/.* mkdirat\(.*/mkdir/p' \
    -e 's/.* send(msg|to)\(.*HTTP\/1\.1 200.*/200/p'
}
said_200() { tail -n +"$(($1 + 1))" "$trace" | grep -q 'HTTP/1.1 200'; }
# in_order WORD... -- CURL-ARGUMENT...: the calls of the request are, in this order and with others
# in between, these.
in_order() {
  local wanted=() calls pattern
  while [[ $1 != -- ]]; do
    wanted+=("$1")
    shift
  done
  shift
  calls=$(calls_of "$@" | tr '\n' ' ')
  echo "calls: $calls"
  pattern="${wanted[*]} "
  # The last line of the trace may still be without its end.
  grep -qE "(^| )${pattern// / (.* )?}" <<<"$calls "
}

put=(-X PUT --data-raw 'more')
check "POST: the content, then the name, then its folder, then the reply" \
  in_order data rename folder 200 -- -X POST --data-raw content "$URL/file/file"
check "POST: the folders that it makes" in_order mkdir folder mkdir folder rename folder 200 -- \
  -X POST --data-raw content "$URL/file/a/b/file"
# symptom: whatever replaced or removed a file synced the folder of append intents, too, and looked
#          for an intent four times.
# cause:   each step looked for it by itself.
# fix:     it is looked for once, when the file is locked, and the result is valid until the unlock.
only() {
  local calls=$1
  shift
  same "$calls" "$(calls_of "$@" | xargs)"
}
check "POST in place of a file" only 'data rename folder 200' -X POST --data-raw content "$URL/file/file"
check "PUT: the append intent, then the content, then the removal of the intent, then the reply" \
  in_order data intent-folder data unlink intent-folder 200 -- "${put[@]}" "$URL/file/file"
check "POST of a folder" in_order mkdir folder 200 -- -X POST "$URL/file/folder/"
check "mv: both folders" in_order rename folder folder 200 -- -X PUT --data-raw '{"path": "folder/moved"}' "$URL/file/file/mv"
check "DELETE of a file" only 'unlink folder 200' -X DELETE "$URL/file/folder/moved"
mkdir -p "$work/tree/sub"
seq 1000 >"$work/tree/sub/file"
tar -c -f "$work/tree.tar" -C "$work/tree" .
check "untar: all of it, then the name, then its folder, then the reply" in_order mkdir mkdir all rename folder 200 -- \
  -X POST -T "$work/tree.tar" "$URL/file/unpacked/untar"
check "untar in place of a folder: the same, and then the old one is removed" in_order all rename folder rename unlink 200 -- \
  -X POST -T "$work/tree.tar" "$URL/file/unpacked/untar?replace"
check "DELETE of a folder" in_order rename folder 200 -- -X DELETE "$URL/file/a"
curl -sS -f -o /dev/null -X DELETE "$URL/file/unpacked"

# One write for head and content, or the second waits for the acknowledgement of the first.
one_write() {
  local before
  before=$(wc -l <"$trace")
  curl -sS -f -o /dev/null "$1"
  wait_for 20 said_200 "$before"
  same 1 "$(tail -n +"$((before + 1))" "$trace" | grep -cE ' (sendmsg|sendto|write)\([0-9]+<(TCP|socket)')"
}
random_file "$storage/1" 1
random_file "$storage/20000" 20000
for reply in '' /1 /20000 /1/wc; do
  check "GET /file$reply leaves in one write" one_write "$URL/file$reply"
done

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"

# symptom: an upload got 500 when a signal came at the wrong moment.
# cause:   the reservation of its blocks was interrupted and not begun again (tmpfs does that).
# fix:     it is begun again.
start_injected "$storage" fallocate error=EINTR:when=1+2
random_file "$work/body" 3M
check "POST whose reservation of blocks is interrupted" status 200 -X POST -T "$work/body" "$URL/file/reserved"
check "all of it is there" cmp "$work/body" "$storage/reserved"
signal TERM "$PID"

# symptom: where a filter denies splice(2), uploads of more than 64 KiB got 403.
# cause:   it was taken for an answer of the disk.
# fix:     then a body is copied. Its end, or that of the file, may be all that is refused, and
#          later than at the first call.
for denied in EPERM ENOSYS EPERM:when=2 EINVAL:when=2 EINVAL:when=3 EINVAL:when=4; do
  start_injected "$storage" splice "error=$denied"
  check "POST where splice gives $denied" status 200 -X POST -T "$work/body" "$URL/file/reserved"
  check "all of it is there" cmp "$work/body" "$storage/reserved"
  rm "$storage/reserved"
  check "POST without Expect" status 200 -X POST -H Expect: -T "$work/body" "$URL/file/reserved"
  check "all of it is there" cmp "$work/body" "$storage/reserved"
  signal TERM "$PID"
done

# symptom: an append was there many times, and a DELETE that had been carried out got 404.
# cause:   that the folder could not be synced any more (ESTALE of a network file system) was taken
#          for a file that had been swapped, and all was done again.
# fix:     what fails after the deed is an error.
printf old >"$storage/file"
start_injected "$storage" fsync error=ESTALE:when=2+2 --sync data
once() {
  status 500 -X PUT --data-raw more "$URL/file/file"
  same oldmore "$(cat "$storage/file")"
}
check "PUT whose end cannot be confirmed is done once, and told to be in doubt" once
signal TERM "$PID"
start_injected "$storage" fsync error=ESTALE --sync data
for request in 'DELETE file' 'DELETE folder' 'POST new' 'POST new-folder/'; do
  check "$request, which cannot be confirmed" status 500 -X "${request% *}" "$URL/file/${request#* }"
done
check "it is done" same '1 20000 new new-folder reserved' "$(cd "$storage" && echo *)"
# symptom: a conditional POST that had been carried out got 412.
# cause:   its condition was asked again, and failed by the write itself.
# fix:     only where nothing has been done.
check "POST with a condition, which cannot be confirmed" status 500 -X POST -H 'If-None-Match: *' \
  --data-raw content "$URL/file/conditional"
check "PUT that creates a file so" status 500 -X PUT -H 'If-None-Match: *' --data-raw content "$URL/file/created?create"
check "both are done" same contentcontent "$(cat "$storage/conditional" "$storage/created")"
signal TERM "$PID"
finish
