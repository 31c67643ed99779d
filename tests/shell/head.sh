#!/usr/bin/env bash
# HEAD, as curl -I sends it: the headers of the GET, and no body.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
start_server "$storage"
random_file "$work/data" 1234567
curl -sS -f -o /dev/null -X POST -T "$work/data" "$URL/file/folder%2Fdata.csv"

# The date may differ, since a second can pass between the two, and each request has its own id.
headers() { tr -d '\r' | grep -viE '^(date|x-request-id):'; }
like_get() {
  curl -sS -I "$1" >"$work/head"
  curl -sS -o /dev/null -D "$work/get" "$1"
  diff <(headers <"$work/get") <(headers <"$work/head")
}
check "HEAD of a file has the headers of its GET" like_get "$URL/file/folder%2Fdata.csv"
check "HEAD of a folder" like_get "$URL/file/folder"
check "HEAD of the root" like_get "$URL/file/%2F"
check "HEAD of wc" like_get "$URL/file/folder%2Fdata.csv/wc"
check "HEAD of the health page" like_get "$URL/file"
check "HEAD of a missing file" like_get "$URL/file/missing"
check "HEAD of a bad name" like_get "$URL/file/..%2Fx"

length() {
  local lengths
  lengths=$(curl -sS -I "$URL/file/folder%2Fdata.csv" | tr -d '\r' | sed -n 's/^[Cc]ontent-[Ll]ength: //p')
  same 1234567 "$lengths"
}
check "its Content-Length is the file's" length
check "curl -f -I ends with 22 where a file is missing" fails_with 22 curl -sS -f -I "$URL/file/missing"

# The second request goes over the connection of the first: a body after HEAD would stand in its
# way.
then_get() {
  curl -sS -I "$URL/file/folder%2Fdata.csv" -o /dev/null -w '%{num_connects}\n' \
    --next -sS -f "$URL/file/folder%2Fdata.csv" -o "$work/after" -w '%{num_connects}\n' >"$work/connects"
  same $'1\n0' "$(cat "$work/connects")"
  cmp "$work/data" "$work/after"
}
check "a GET after it on the same connection is whole" then_get
finish
