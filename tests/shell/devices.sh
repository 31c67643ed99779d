#!/usr/bin/env bash
# Devices in the storage are refused at once, like the FIFOs and sockets of
# tests/api/special_files.rs. To make one takes root. To mount one over a file, in a mount namespace
# of its own, does not, and serves as well, except for writes: what is mounted cannot be replaced.

# shellcheck source-path=SCRIPTDIR source=../../scripts/own-mounts.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/own-mounts.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

if [[ -z ${OWN_MOUNTS-} ]]; then
  skip "devices" "no file system can be mounted here (needs root or user namespaces)"
  finish
fi

storage=$work/storage
mkdir "$storage"
release() { umount -lq "$storage"/*; }
start_server "$storage"
printf ab >"$work/body"

# make_device NAME MINOR
make_device() {
  mknod "$storage/$1" c 1 "$2" 2>"$work/mknod" || {
    touch "$storage/$1"
    mount --bind "/dev/$1" "$storage/$1"
  }
}

# One that has no bytes, one that has no end, and one that takes none.
declare -A minors=([null]=3 [zero]=5 [full]=7)
for device in null zero full; do
  make_device "$device" "${minors[$device]}"
  check "/dev/$device is one" test -c "$storage/$device"
  url=$URL/file/$device
  check "GET of $device gets 409" status 409 --max-time 2 "$url"
  check "HEAD of $device gets 409" status 409 --max-time 2 -I "$url"
  for action in wc sha256 info; do
    check "$action of $device gets 409" status 409 --max-time 2 "$url/$action"
  done
  check "cp of $device gets 409" status 409 --max-time 2 -X PUT --data-raw '{"path": "copy"}' "$url/cp"
  for method in POST PUT; do
    check "$method of $device gets 409" status 409 --max-time 2 -X "$method" -T "$work/body" "$url"
  done
  check "and is one still" test -c "$storage/$device"
done
check "nothing is stored" absent "$storage/copy"
check "and nothing is left" no_litter "$storage"
listed() { same "$(printf 'full\nnull\nzero')" "$(curl -sS -f "$URL/file/%2F")"; }
check "they are listed" listed
finish
