#!/usr/bin/env bash
# Where files come from is not kept: the file system has no extended attributes, refuses them, or
# the server is killed before it has written one. No write fails for that, and none is told to come
# from another request.

# shellcheck source-path=SCRIPTDIR source=../../scripts/own-mounts.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/own-mounts.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
random_file "$work/long" 300K

# request METHOD NAME BODY: one that is carried out.
request() { status 200 -X "$1" --data-binary "$3" "$URL/file/$2"; }
info() { curl -sS -f "$URL/file/$1/info"; }
is_known() { info "$1" | grep -q '"client":"127.0.0.1","at":".*","request_id":'; }
# As before, and nothing more.
is_unknown() { info "$1" | grep -qE '"etag":"[^,]*"}$'; }

# Each way to write a file.
all_writes() {
  request POST new content
  request POST new anew
  request PUT new more
  request PUT new "@$work/long"
  request PUT 'created?create' content
  request POST long "@$work/long"
  request PUT new/cp '{"path": "copy"}'
  request PUT created/mv '{"path": "folder/moved"}'
  cmp "$work/long" "$1/long"
  cmp <(printf anewmore && cat "$work/long") "$1/copy"
  same content "$(cat "$1/folder/moved")"
}
all_unknown() {
  local name
  for name in new long copy folder/moved; do is_unknown "$name"; done
}
said() { same "$1" "$(grep -c 'it is not kept where files come from' "$LOG")"; }

if [[ -n ${OWN_MOUNTS-} ]]; then
  # A ramfs says that no space is free, so that empty files are all that it takes.
  disk=$work/disk
  mkdir "$disk"
  mount -t ramfs ramfs "$disk"
  start_server "$disk" --min-free-space 0
  empty_files() {
    request POST empty ''
    request POST empty ''
    request PUT empty/cp '{"path": "copy"}'
    request PUT copy/mv '{"path": "moved"}'
    is_unknown empty
    is_unknown moved
  }
  check "on a file system without extended attributes files are written" empty_files
  check "the log says once that it is not kept where they come from" said 1
  signal TERM "$PID"
  umount "$disk"
else
  skip "a file system without extended attributes" "none can be mounted here (needs root or user namespaces)"
fi

start_server "$storage"
request POST known content
if ! is_known known; then
  skip "extended attributes that are refused" "the file system of $work has none"
  finish
fi
signal TERM "$PID"

# A copy of the folder, as docs/operations.md has it.
copies=$work/copies
mkdir -p "$copies"/{tar,cp,plain}
tar --xattrs -C "$storage" --exclude ./.http-nas -c . | tar --xattrs -C "$copies/tar" -x
cp -a "$storage/known" "$copies/cp"
cp -p --no-preserve=xattr "$storage/known" "$copies/plain"
start_server "$copies"
check "tar --xattrs keeps where a file comes from" is_known tar/known
check "cp -a does" is_known cp/known
check "a copy without its attributes does not" is_unknown plain/known
if command -v rsync >/dev/null; then
  rsync -aX "$storage/known" "$copies/rsync/"
  check "rsync -aX does" is_known rsync/known
else
  skip "rsync -aX keeps where a file comes from" "rsync is not there"
fi
signal TERM "$PID"

if ! can_trace; then
  skip "extended attributes that are refused" "strace is not there or may not trace"
  finish
fi

for error in EOPNOTSUPP ENOSYS ENOSPC EDQUOT E2BIG ERANGE EPERM EACCES EIO; do
  rm -rf "${storage:?}"/*
  start_injected "$storage" fsetxattr "error=$error"
  check "with $error all is written" all_writes "$storage"
  check "and it is not told where it comes from" all_unknown
  case $error in
    EOPNOTSUPP | ENOSYS)
      check "the log says so, once" said 1
      check "it is tried once" same 1 "$(wc -l <"$CALLS")"
      ;;
    *) check "it is tried each time" same 7 "$(wc -l <"$CALLS")" ;;
  esac
  signal TERM "$PID"
done
check "nothing is left" no_litter "$storage"

start_injected "$storage" fsetxattr error=EINTR:when=1+2
request POST known content
check "one that is interrupted is tried again" is_known known
signal TERM "$PID"

for error in EOPNOTSUPP ERANGE EPERM EIO; do
  start_injected "$storage" fgetxattr "error=$error"
  check "one that cannot be read ($error) is none" is_unknown known
  check "and a move goes on" request PUT known/mv '{"path": "known"}'
  check "as does a copy" request PUT known/cp '{"path": "copy"}'
  signal TERM "$PID"
done

# As for a file of another owner: it keeps the time that the kernel gives it.
start_injected "$storage" utimensat error=EPERM
for method in POST PUT PUT; do
  check "$method of a file whose time cannot be set" request "$method" known content
  check "is known by the kernel's" is_known known
done
signal TERM "$PID"

# killed_in METHOD NAME BODY: a request in which the server is killed when it writes the attribute.
# Another server follows.
killed_in() {
  start_injected "$storage" fsetxattr signal=KILL
  fails_with 52 curl -sS -X "$1" --data-binary "$3" "$URL/file/$2" 2>/dev/null || true
  ended "$PID"
  check "$1 $2: the server is killed" gone "$PID"
  start_server "$storage"
}
start_over() {
  start_server "$storage"
  request POST known content
  is_known known
  signal TERM "$PID"
}
check "a file is written" start_over
killed_in POST known other
check "the file is as it was" same content "$(cat "$storage/known")"
check "and is known as it was" is_known known
signal TERM "$PID"

killed_in PUT known more
check "a short append is there" same contentmore "$(cat "$storage/known")"
check "but not who made it, nor who wrote what is before" is_unknown known
check "the next append is made" request PUT known more
check "and is known" is_known known
signal TERM "$PID"

check "a file is written" start_over
killed_in PUT known "@$work/long"
check "a long append is not there" same content "$(curl -sS -f "$URL/file/known")"
check "and the file comes from nowhere" is_unknown known
check "the next append is made" request PUT known more
check "and is known" is_known known
check "and is behind what was there" same contentmore "$(cat "$storage/known")"
signal TERM "$PID"

check "a file is written" start_over
killed_in PUT known/mv '{"path": "moved"}'
check "the file is moved" same content "$(cat "$storage/moved")"
check "and comes from nowhere" is_unknown moved
check "nothing is left" no_litter "$storage"
signal TERM "$PID"
finish
