#!/usr/bin/env bash
# A storage folder that something is mounted over while the server runs, and one on a volume that is
# taken away: health says so, and nothing is stored where no client would find it. What happens to the
# folder itself is in tests/durability/displaced_storage.rs.

# shellcheck source-path=SCRIPTDIR source=../../scripts/own-mounts.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/own-mounts.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

if [[ -z ${OWN_MOUNTS-} ]]; then
  skip "mounts over and under the storage" "no file system can be mounted here (needs root or user namespaces)"
  finish
fi

volume=$work/volume
mkdir "$volume"
mount -t tmpfs -o size=64m tmpfs "$volume"
mkdir "$volume/storage"
release() { umount -l "$volume" 2>/dev/null || true; }
start_server "$volume/storage" --min-free-space 0
first=$URL
start_server "$volume" --min-free-space 0
second=$URL

displaced='500 Internal Server Error: the storage folder has been moved, replaced or unmounted'
refuses() {
  check "$2: health says so" status 500 "$1/file"
  check "$2: with the reason" same "$displaced" "$(cat "$work/reply")"
  check "$2: nothing is stored" status 500 -X POST --data-raw x "$1/file/new"
  check "$2: with the reason" same "$displaced" "$(cat "$work/reply")"
}
stores() {
  check "$2: health" same OK "$(curl -sS -f "$1/file")"
  check "$2: a file can be stored" status 200 -X POST --data-raw x "$1/file/there"
}

stores "$first" "at the start"
mount -t tmpfs -o size=1m tmpfs "$volume/storage"
refuses "$first" "another file system over it"
empty() { same "" "$(ls -A "$volume/storage")"; }
check "the other file system stays empty" empty
umount "$volume/storage"
stores "$first" "that one away again"
mkdir "$work/other"
mount --bind "$work/other" "$volume/storage"
refuses "$first" "another folder over it"
umount "$volume/storage"
mount --bind "$volume/storage" "$volume/storage"
stores "$first" "the very same folder over it"
umount "$volume/storage"

umount -l "$volume"
refuses "$first" "its volume taken away"
refuses "$second" "itself the volume that is taken away"
check "nothing of it is under the mount" same "" "$(ls -A "$volume")"
finish
