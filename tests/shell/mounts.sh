#!/usr/bin/env bash
# Places below the storage where something else is mounted: another file system, and another folder
# of the same one. Nothing is stored across them, which is said before the body is sent and leaves
# nothing behind.

# shellcheck source-path=SCRIPTDIR source=../../scripts/own-mounts.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/own-mounts.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

if [[ -z ${OWN_MOUNTS-} ]]; then
  skip "mounts below the storage" "no file system can be mounted here (needs root or user namespaces)"
  finish
fi

storage=$work/storage
mkdir -p "$storage"/{tmpfs,bind} "$work/beside"
mount -t tmpfs -o size=1m tmpfs "$storage/tmpfs"
mount --bind "$work/beside" "$storage/bind"
release() { umount -l "$storage/tmpfs" "$storage/bind"; }
for mounted in tmpfs bind; do
  echo there >"$storage/$mounted/old"
  ln -s "$mounted" "$storage/to-$mounted"
done
echo here >"$storage/file"
random_file "$work/body" 3M
start_server "$storage"

picture() { (cd "$storage" && find . -path ./.http-nas -prune -o -printf '%p %y %s\n' | sort); }
before=$(picture)
unchanged() {
  same "$before" "$(picture)"
  no_litter "$storage"
}
refused_early() {
  same '409 0' "$(curl -sS -v --expect100-timeout 60 -H 'Expect: 100-continue' -o "$work/reply" -w '%{http_code} %{size_upload}' "$@" 2>"$work/trace")"
  not grep '^< HTTP/1.1 100' "$work/trace"
  grep -q 'another file system' "$work/reply"
  unchanged
}
refused() {
  status 409 "$@"
  unchanged
}
to() { printf '{"path": "%s"}' "$1"; }

for mounted in tmpfs bind to-tmpfs to-bind; do
  check "$mounted: GET reads what is there" same there "$(curl -sS "$URL/file/$mounted/old")"
  for name in x new/x new/a/b/x old; do
    check "POST $mounted/$name is refused before the body" refused_early -X POST -T "$work/body" "$URL/file/$mounted/$name"
  done
  check "PUT $mounted/old is refused before the body" refused_early -X PUT -T "$work/body" "$URL/file/$mounted/old"
  for name in new new/x; do
    check "POST $mounted/$name/ makes no folder" refused -X POST "$URL/file/$mounted/$name/"
    check "mv to $mounted/$name" refused -X PUT --data-raw "$(to "$mounted/$name")" "$URL/file/file/mv"
    check "cp to $mounted/$name" refused -X PUT --data-raw "$(to "$mounted/$name")" "$URL/file/file/cp"
    check "mv from $mounted to $name" refused -X PUT --data-raw "$(to "$name")" "$URL/file/$mounted%2Fold/mv"
  done
done
within() {
  status 200 -X PUT --data-raw "$(to "$1/a/b")" "$URL/file/$1%2Fold/mv"
  same there "$(cat "$storage/$1/a/b")"
}
for mounted in tmpfs bind; do
  check "mv within $mounted, into a folder that is made" within "$mounted"
  check "cp from $mounted" status 200 -X PUT --data-raw "$(to "copied/$mounted")" "$URL/file/$mounted%2Fa%2Fb/cp"
done

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"

# symptom: cp of a file from a mounted file system onto one that has the same inode number on its
#          own got 503, for ever.
# cause:   the two were taken for one file by that number, found not to be, and looked at again.
# fix:     what is not the same file is copied.
storage=$work/twins
mkdir "$storage"
mount -t tmpfs -o size=1m tmpfs "$storage"
for name in mounted folders; do
  mkdir "$storage/$name"
  mount -t tmpfs -o size=1m tmpfs "$storage/$name"
done
release() {
  umount -l "$storage/mounted" "$storage/folders" "$storage"
  umount -l "$work/storage/tmpfs" "$work/storage/bind"
}
start_server "$storage" --min-free-space 0
echo here >"$storage/twin"
touch "$storage"/mounted/{1..500}
twin=$(find "$storage/mounted" -type f -inum "$(stat -c %i "$storage/twin")" -printf '%f\n')
if [[ -n $twin ]]; then
  echo there >"$storage/mounted/$twin"
  copied() {
    status 200 -X PUT --data-raw "$(to twin)" "$URL/file/mounted%2F$twin/cp"
    same there "$(cat "$storage/twin")"
  }
  check "cp onto a file with the same inode number on another file system" copied
  # So it was with mv, which took the folder for itself.
  mkdir "$storage/folder"
  mkdir "$storage"/folders/{1..500}
  twin=$(find "$storage/folders" -type d -inum "$(stat -c %i "$storage/folder")" -printf '%f\n')
  refused_for_mount() {
    status 409 -X PUT --data-raw "$(to "folders/$twin/new")" "$URL/file/folder/mv"
    grep -q 'another file system' "$work/reply"
  }
  check "mv of a folder into one with the same inode number, ${twin:?there is none}" refused_for_mount
else
  skip "two files with one inode number" "the file system does not number its files by themselves"
fi

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
finish
