#!/usr/bin/env bash
# Storage folders on file systems that are read-only or full, at the start and later on: tmpfs of a
# mount namespace of its own, which ends with this script.

# shellcheck source-path=SCRIPTDIR source=../../scripts/own-mounts.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/own-mounts.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

if [[ -z ${OWN_MOUNTS-} ]]; then
  skip "a read-only storage" "no file system can be mounted here (needs root or user namespaces)"
  finish
fi

disk=$work/disk
mkdir "$disk"
mount -t tmpfs -o size=64m tmpfs "$disk"
release() { umount -l "$disk"; }
make_readonly() { mount -o remount,ro "$disk"; }
make_writable() { mount -o remount,rw "$disk"; }

# refused STORAGE WHY: exit code 1, and this one line.
refused() {
  local code=0
  timeout 20 "$http_nas" --port 0 --storage "$1" >"$work/out" 2>"$work/error" || code=$?
  same "http-nas: cannot use the storage folder $1: $2 (choose another with --storage)" "$(cat "$work/error")"
  same "exit code 1" "exit code $code"
  same "" "$(cat "$work/out")"
}
healthy() { "$http_nas" health "$@" --port "${URL##*:}"; }
ill() {
  local code=0
  healthy "$@" 2>"$work/error" || code=$?
  same "exit code 1" "exit code $code"
  cat "$work/error"
}

unwritable="it cannot be written to as user $(id -u), group $(id -g)"
mkdir "$disk/empty"
make_readonly
check "a read-only folder stops the start" refused "$disk/empty" "$unwritable: Read-only file system (os error 30)"
check "so does a folder to be made on a read-only file system" \
  refused "$disk/new" "it cannot be made: Read-only file system (os error 30)"
make_writable

storage=$disk/storage
start_server "$storage" --min-free-space 0
curl -sS -f -o /dev/null -X POST --data-raw content "$URL/file/file"
check "health --write on a storage that works" healthy --write
# A file system that finds itself broken makes itself read-only, under a server that runs.
make_readonly
served() { same content "$(curl -sS -f "$URL/file/file")"; }
check "read-only later on: what is there is served" served
check "health says so" healthy
for request in "POST file" "POST new" "PUT file" "DELETE file"; do
  read -r method name <<<"$request"
  check "$method of $name gets 503" status 503 -X "$method" -d '' "$URL/file/$name"
  check "and says why" same "503 Service Unavailable: the storage is read-only at present" "$(cat "$work/reply")"
done
check "mv gets 503" status 503 -X PUT --data-raw '{"path": "new"}' "$URL/file/file/mv"
retry_after() { curl -sS -i -X DELETE "$URL/file/file" | grep -i '^Retry-After: [0-9]'; }
check "with Retry-After" retry_after
wanted='POST http://.* answered 503 Service Unavailable: the storage is read-only at present$'
says() { grep -qE "$1" <<<"$(ill --write)"; }
check "health --write says why" says "$wanted"
make_writable
check "writable again: health --write" healthy --write
check "and nothing is left" no_litter "$storage"
signal TERM "$PID"
make_readonly
check "the folders of an earlier server on a read-only file system stop the start" \
  refused "$storage" "$unwritable: Read-only file system (os error 30)"
make_writable

# Each file takes an inode, and there is none left.
mount -o "remount,nr_inodes=$(($(df --output=iused "$disk" | tail -n 1)))" "$disk"
check "a full disk stops the start" refused "$storage" "$unwritable: No space left on device (os error 28)"
check "so does a folder to be made on one" refused "$disk/new" "it cannot be made: No space left on device (os error 28)"
mount -o remount,nr_inodes=1000 "$disk"

start_server "$storage" --min-free-space 0
head -c 100M /dev/zero >"$disk/filled" 2>/dev/null || true
check "full later on: health" healthy
says_full() { grep -qE 'POST http://.* answered 507 Insufficient Storage: ' <<<"$(ill --write)"; }
check "health --write says why" says_full
check "what is there is served" served
check "and can be removed" status 200 -X DELETE "$URL/file/file"
check "and nothing is left" no_litter "$storage"
signal TERM "$PID"
start_server "$storage"
check "a server starts on a disk that has no room for content, for what is there" same OK "$(curl -sS -f "$URL/file")"
signal TERM "$PID"
finish
