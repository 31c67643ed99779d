#!/usr/bin/env bash
# Folders: making, listing, moving and removing them.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
start_server "$storage"
echo content >"$work/file"

is_folder() { [[ -d $storage/$1 ]]; }

make() {
  same OK "$(curl -sS -f -X POST "$URL/file/$1")"
  is_folder "$2"
}
check "POST with a final slash makes a folder" make plain/ plain
check "POST with a final %2F makes a folder" make encoded%2F encoded
check "parents are made on the way" make a/b/c/ a/b/c
check "%2F separates like a slash" make d%2Fe%2F d/e
check "making a folder again changes nothing" make a/b/ a/b/c
check "-d '' is an empty body too" status 200 -d '' "$URL/file/by-data/"

check "a final slash and a body: 400" status 400 -X POST --data-binary x "$URL/file/with-body/"
check "and no folder is made" absent "$storage/with-body"
check "a new folder lists as nothing" same "" "$(curl -sS -f "$URL/file/plain")"

listed() {
  local expected=$1
  shift
  curl -sS -f "$@" >"$work/listing"
  printf '%b' "$expected" | diff - "$work/listing"
}
fill() {
  local name
  for name in b B a ä a-b a.b _ 10 9 .hidden; do
    curl -sS -f -X POST -T "$work/file" "$URL/file/sorted/$(encode "$name")"
  done
  curl -sS -f -X POST "$URL/file/sorted/a%20folder/"
}
check "files go into a folder that is made by the first" fill
check "a listing is sorted bytewise, with no mark at folders" \
  listed '.hidden\n10\n9\nB\n_\na\na folder\na-b\na.b\nb\nä\n' "$URL/file/sorted"
check "a final slash lists the same" listed '.hidden\n10\n9\nB\n_\na\na folder\na-b\na.b\nb\nä\n' "$URL/file/sorted/"
check "doubled slashes and . are dropped" listed 'c\n' --path-as-is "$URL/file//a/./b//"
check "/file/%2F lists the root, without the server's own folder" listed 'a\nby-data\nd\nencoded\nplain\nsorted\n' "$URL/file/%2F"

content_type() { same 'text/plain; charset=utf-8' "$(curl -sS -f -o /dev/null -w '%{content_type}' "$URL/file/sorted")"; }
check "a listing is text/plain in UTF-8" content_type

# curl itself puts the local file's name behind a URL that ends with a slash.
upload_into() {
  curl -sS -f -X POST -T "$work/file" "$URL/file/plain/"
  cmp "$work/file" "$storage/plain/file"
}
check "curl -T FILE URL/ uploads into the folder" upload_into

move() { curl -sS -f -X PUT --data-raw "{\"path\": \"$2\"}" "$URL/file/$1/mv"; }
move_folder() {
  move a moved/there
  is_folder moved/there/b/c
  absent "$storage/a"
}
check "mv renames a folder with all in it" move_folder
check "mv of a folder into itself: 409" status 409 -X PUT --data-raw '{"path": "moved/there/below"}' "$URL/file/moved/mv"
check "mv of a folder onto one that is not empty: 409" status 409 -X PUT --data-raw '{"path": "sorted"}' "$URL/file/moved/mv"
check "and both are as they were" is_folder moved/there/b/c

check "POST of a file onto a folder: 409" status 409 -X POST -T "$work/file" "$URL/file/sorted"
check "PUT onto a folder: 409" status 409 -X PUT -T "$work/file" "$URL/file/sorted"
check "a file as a parent: 409" status 409 -X POST -T "$work/file" "$URL/file/plain/file/below"
check "a folder where a file is: 409" status 409 -X POST "$URL/file/plain/file/"
check "wc of a folder: 409" status 409 "$URL/file/sorted/wc"

action_name() {
  curl -sS -f -X POST -T "$work/file" "$URL/file/sorted%2Fwc"
  curl -sS -f "$URL/file/sorted%2Fwc" | cmp - "$work/file"
}
check "a file called wc is reached with %2F" action_name

delete_folder() {
  same OK "$(curl -sS -f -X DELETE "$URL/file/sorted")"
  absent "$storage/sorted"
}
check "DELETE removes a folder with all in it" delete_folder

delete_link() {
  mkdir "$storage/target"
  cp "$work/file" "$storage/target/file"
  ln -s target "$storage/link"
  curl -sS -f -X DELETE "$URL/file/link"
  absent "$storage/link"
  cmp "$work/file" "$storage/target/file"
}
check "DELETE of a link leaves its target" delete_link

check "DELETE of the root: 403" status 403 -X DELETE "$URL/file/%2F"
check "and all is still there" is_folder moved/there/b/c
check "nothing is left in the server's own folder" no_litter "$storage"
finish
