#!/usr/bin/env bash
# A storage on a file system that takes names that differ in case for one: the server's own folder
# has many names there, and none of them leads to it. Each kind of such a file system that can be
# had here is tried, the others are skipped by name.

# shellcheck source-path=SCRIPTDIR source=../../scripts/own-mounts.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/own-mounts.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

disk=$work/disk
mkdir "$disk"
release() { ! mountpoint -q "$disk" || umount "$disk" || umount -l "$disk"; }

ext4() {
  truncate -s 64M "$work/ext4"
  mkfs.ext4 -q -O casefold -E encoding=utf8 "$work/ext4" && mount -o loop "$work/ext4" "$disk"
}
tmpfs() { mount -t tmpfs -o size=64m,casefold tmpfs "$disk"; }
ntfs() {
  truncate -s 64M "$work/ntfs"
  mkntfs -q -F -Q "$work/ntfs" && lowntfs-3g -o ignore_case "$work/ntfs" "$disk"
}

# folds: names that differ in case are one in the storage folder, which is made to be so where it
# takes that.
folds() {
  mkdir "$disk/storage" && { [[ $1 == ntfs ]] || chattr +F "$disk/storage"; } &&
    touch "$disk/storage/probe" && [[ -e $disk/storage/PROBE ]] && rm "$disk/storage/probe"
}

requests() {
  local name=$1
  echo "name $name"
  for method in GET HEAD DELETE; do
    if [[ $method == HEAD ]]; then status 403 -I "$URL/file/$name"; else status 403 -X "$method" "$URL/file/$name"; fi
  done
  status 403 "$URL/file/$name/staged"
  status 403 "$URL/file/$name/tar"
  status 403 -X POST --data-raw x "$URL/file/$name/staged/x"
  status 403 -X POST --data-raw x "$URL/file/$name/new/x"
  status 403 -X POST "$URL/file/$name/new/"
  status 403 -X PUT --data-raw "{\"path\": \"$name/x\"}" "$URL/file/file/mv"
  status 403 -X PUT --data-raw "{\"path\": \"$name/x\"}" "$URL/file/file/cp"
  status 403 -X PUT --data-raw '{"path": "taken"}' "$URL/file/$name/mv"
  status 403 -X DELETE "$URL/file/$name/staged"
}
by_link() {
  ln -s .HTTP-NAS "$disk/storage/link" 2>/dev/null || return 0
  status 403 "$URL/file/link/staged"
  status 403 -X POST --data-raw x "$URL/file/link/x"
  rm "$disk/storage/link"
}
# lowntfs-3g shows all names in lower case.
stores_and_lists() {
  status 200 -X POST --data-raw content "$URL/file/folder/file"
  same content "$(curl -sS -f "$URL/file/FOLDER/FILE")"
  same $'file\nfolder' "$(curl -sS -f "$URL/file/%2F")"
  curl -sS -f "$URL/file/%2F/tar" | tar -t | sort >"$work/archived"
  same $'file\nfolder/\nfolder/file' "$(grep -vx '\./' "$work/archived" | sed 's|^\./||')"
}
# symptom: a file that was moved to its own name in capitals was gone, with OK.
# cause:   two names of one file were taken for two entries, and the first was removed.
# fix:     only where both are in the folder as they are written.
keeps_what_is_renamed() {
  printf precious | status 200 -X POST -T - "$URL/file/precious"
  local name
  for name in PRECIOUS Precious precious; do
    status 200 -X PUT --data-raw "{\"path\": \"$name\"}" "$URL/file/precious/mv"
    same precious "$(curl -sS -f "$URL/file/precious")"
    same precious "$(curl -sS -f "$URL/file/$name")"
    same 3 "$(curl -sS -f "$URL/file/%2F" | wc -l)"
    status 200 -X PUT --data-raw "{\"path\": \"$name\"}" "$URL/file/precious/cp"
    same precious "$(curl -sS -f "$URL/file/precious")"
  done
  ln "$disk/storage/precious" "$disk/storage/second" 2>/dev/null || return 0
  status 200 -X PUT --data-raw '{"path": "Precious"}' "$URL/file/precious/mv"
  same precious "$(curl -sS -f "$URL/file/precious")"
  same precious "$(curl -sS -f "$URL/file/second")"
  status 200 -X DELETE "$URL/file/second"
}
own_is_there() { [[ -d $disk/storage/.http-nas/staged && -d $disk/storage/.http-nas/removed ]]; }

try() {
  local kind=$1 flags=(--min-free-space 0)
  if [[ -z ${OWN_MOUNTS-} ]]; then
    skip "$kind" "no file system can be mounted here (needs root or user namespaces)"
    return
  fi
  if ! "$kind" >"$work/mounted" 2>&1 || ! folds "$kind" >>"$work/mounted" 2>&1; then
    release
    skip "$kind" "there is none here that folds case: $(head -n 1 "$work/mounted")"
    return
  fi
  echo content >"$disk/storage/file"
  start_server "$disk/storage" "${flags[@]}"
  check "$kind: a server works on it" stores_and_lists
  for name in .http-nas .HTTP-NAS .Http-Nas %2EHTTP%2DNAS; do
    check "$kind: $name is the server's own" requests "$name"
  done
  check "$kind: a link to .HTTP-NAS leads nowhere" by_link
  check "$kind: a file is kept that is moved to its own name in other letters" keeps_what_is_renamed
  check "$kind: it can be deleted by either" status 200 -X DELETE "$URL/file/PRECIOUS"
  check "$kind: the server's own folder is unharmed" own_is_there
  check "$kind: nothing is left in it" no_litter "$disk/storage"
  signal TERM "$PID"
  # As another system may have made it.
  if mv "$disk/storage/.http-nas" "$disk/storage/.http-nas-" && mv "$disk/storage/.http-nas-" "$disk/storage/.HTTP-NAS"; then
    start_server "$disk/storage" "${flags[@]}"
    check "$kind: in capitals on the disk it is not listed either" stores_and_lists
    signal TERM "$PID"
  fi
  umount "$disk"
}
try ext4
try tmpfs
try ntfs
finish
