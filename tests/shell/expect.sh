#!/usr/bin/env bash
# Expect: 100-continue as curl sends it for piped and large bodies: the server asks for the body
# where it wants it, and refuses without it where it does not.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
start_server "$storage"
random_file "$work/body" 8M
mkdir "$storage/folder"
echo x >"$storage/file"
mkfifo "$storage/fifo"
ln -s "$work" "$storage/out"

# curl gives up waiting for the 100 after a second and sends the body all the same; with this long a
# wait it is the server's word alone that decides.
patient=(-sS -v --expect100-timeout 60)

asked() { grep -q '^> Expect: 100-continue' "$1" && grep -q '^< HTTP/1.1 100' "$1"; }
declared() {
  curl "${patient[@]}" -f -X POST -T "$work/body" "$URL/file/declared" 2>"$work/trace"
  asked "$work/trace"
  cmp "$work/body" "$storage/declared"
}
check "a large body is asked for with 100 and stored" declared

piped() {
  printf 'small' | curl "${patient[@]}" -f -X POST -T - "$URL/file/piped" 2>"$work/trace"
  asked "$work/trace"
  same small "$(cat "$storage/piped")"
}
check "a piped body is asked for with 100 and stored" piped

append() {
  printf ' more' | curl "${patient[@]}" -f -X PUT -T - "$URL/file/piped" 2>"$work/trace"
  asked "$work/trace"
  same 'small more' "$(cat "$storage/piped")"
}
check "so is an append" append

unasked() {
  curl "${patient[@]}" -f -X POST --data-binary small "$URL/file/unasked" 2>"$work/trace"
  not grep '^< HTTP/1.1 100' "$work/trace"
}
check "a small body that does not expect a 100 gets none" unasked

without() {
  curl -sS -f -H 'Expect:' -X POST -T "$work/body" "$URL/file/without"
  cmp "$work/body" "$storage/without"
}
check "a large body without Expect is stored" without

one_connection() {
  curl "${patient[@]}" -f -X POST -T "$work/body" "$URL/file/first" -w '%{num_connects} ' \
    --next "${patient[@]}" -f -X POST -T "$work/body" "$URL/file/second" -w '%{num_connects}' >"$work/reply" 2>"$work/trace"
  same 'OK1 OK0' "$(cat "$work/reply")"
  cmp "$work/body" "$storage/second"
}
check "two such uploads share a connection" one_connection

refused() {
  local code=$1
  shift
  same "$code 0" "$(curl "${patient[@]}" -o /dev/null -w '%{http_code} %{size_upload}' "$@" 2>"$work/trace")"
  not grep '^< HTTP/1.1 100' "$work/trace"
  grep -qi '^< connection: close' "$work/trace"
}
refuse() {
  check "$2: $1 before any of the body" refused "$1" "${@:3}" -T "$work/body"
  check "$2: $1 before any of it through a pipe" refused_pipe "$1" "${@:3}"
}
refused_pipe() { refused "$@" -T - <"$work/body"; }
refuse 404 "an append to nothing" -X PUT "$URL/file/missing"
refuse 409 "a POST onto a folder" -X POST "$URL/file/folder"
refuse 409 "a POST below a file" -X POST "$URL/file/file%2Fbelow"
refuse 409 "a POST onto a FIFO" -X POST "$URL/file/fifo"
refuse 403 "a POST into the server's own folder" -X POST "$URL/file/.http-nas%2Fx"
refuse 403 "a POST below a link out of the storage" -X POST "$URL/file/out%2Fx"
refuse 400 "a POST to a bad name" -X POST "$URL/file/..%2Fx"
refuse 405 "a PATCH" -X PATCH "$URL/file/file"
refuse 404 "a POST beside /file" -X POST "$URL/other"
# A piped body may turn out to be empty, and an empty one makes a folder: that takes a look.
check "a POST with a final %2F: 400 before any of the body" refused 400 -X POST "$URL/file/new%2F" -T "$work/body"
final_slash_piped() { status 400 -X POST "$URL/file/new%2F" -T - <"$work/body"; }
check "a POST with a final %2F: 400 through a pipe" final_slash_piped
check "nothing is left in the server's own folder" no_litter "$storage"
finish
