#!/usr/bin/env bash
# symptom: on a volume of its own with ext4, for a server that is not root, the archive of the root
#          broke off before its first byte, and lists showed a folder that no client could read.
# cause:   mkfs.ext4 makes lost+found, which is root's alone.
# fix:     at the root of a file system it is the server's own, as .http-nas is.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
mkdir "$storage"
impossible() {
  skip "lost+found on a volume of its own" "$1"
  finish
}
((EUID == 0)) || impossible "no image can be mounted here (needs root)"
PATH=$PATH:/usr/sbin:/sbin
command -v mkfs.ext4 >/dev/null || impossible "there is no mkfs.ext4"
truncate -s 32M "$work/image"
mkfs.ext4 -q "$work/image" || impossible "mkfs.ext4 has failed"
mount -o loop "$work/image" "$storage" 2>/dev/null || impossible "no image can be mounted here (no loop device)"
release() { umount -l "$storage"; }

as_other_user "$storage" || impossible "no other user can be had here (setpriv)"
start_server "$storage" --min-free-space 0

curl -sS -f -o /dev/null -X POST --data-raw content "$URL/file/folder/lost%2Bfound/file"
ln -s lost+found "$storage/link"

archived() {
  curl -sS -f "$URL/file/%2F/tar" | tar -t | LC_ALL=C sort >"$work/names"
  same 'folder/ folder/lost+found/ folder/lost+found/file link' "$(tr '\n' ' ' <"$work/names" | sed 's/ $//')"
}
check "the archive of the root is whole" archived
check "the list is without it" same $'folder\nlink' "$(curl -sS "$URL/file/%2F")"
json() { not grep -F 'lost+found' <(curl -sS -H 'Accept: application/json' "$URL/file/%2F"); }
check "the list as JSON is without it" json
page() { not grep -F 'lost' <(curl -sS -H 'Accept: text/html' "$URL/file/"); }
check "the page is without it" page
for name in lost+found lost%2Bfound/x link link/x; do
  check "GET $name is refused" status 403 "$URL/file/$name"
  check "POST $name/y is refused" status 403 -X POST --data-raw x "$URL/file/$name/y"
done
check "DELETE is refused" status 403 -X DELETE "$URL/file/lost+found"
moved() { status 403 -X PUT --data-raw '{"path": "elsewhere"}' "$URL/file/lost+found/mv"; }
check "mv is refused" moved
check "elsewhere the name is one like any other" same content "$(curl -sS "$URL/file/folder/lost+found/file")"

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
finish
