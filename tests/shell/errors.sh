#!/usr/bin/env bash
# Errors as a shell user meets them: the status, the one line of text, and curl's exit code with -f.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
start_server "$storage"
printf 'one\n' | curl -sS -f -o /dev/null -X POST -T - "$URL/file/there"

check "curl -f ends with 22 where a file is missing" fails_with 22 curl -sf "$URL/file/missing"
check "curl -f ends with 22 for an append to nothing" fails_with 22 curl -sf -X PUT --data-binary x "$URL/file/missing"
check "an append to nothing makes no file" absent "$storage/missing"
check "curl -f ends with 0 where all is well" curl -sf "$URL/file/there"

says() {
  local expected=$1
  shift
  curl -sS "$@" >"$work/reply"
  printf '%s\n' "$expected" | cmp - "$work/reply" || {
    cat "$work/reply"
    return 1
  }
}
check "the reply is one line that says what is missing" says '404 Not Found: there is no "a/b.csv"' "$URL/file/a%2Fb.csv"

append_hint() {
  status 404 -X PUT --data-binary x "$URL/file/missing"
  grep -q POST "$work/reply"
}
check "the 404 of an append says that POST creates" append_hint

content_type() { same "$1" "$(curl -sS -o /dev/null -w '%{content_type}' "${@:2}")"; }
check "an error is text/plain in UTF-8" content_type 'text/plain; charset=utf-8' "$URL/file/missing"
check "an error is application/problem+json where it is asked for" \
  content_type 'application/problem+json' -H 'Accept: application/problem+json' "$URL/file/missing"

problem() {
  curl -sS -H "Accept: $1" "$URL/file/missing" >"$work/reply"
  grep -q '"status": *404' "$work/reply"
  grep -q '"title": *"Not Found"' "$work/reply"
  grep -q '"detail": *"there is no \\"missing\\""' "$work/reply"
}
check "Accept: application/problem+json gets title, status and detail" problem application/problem+json
check "Accept: application/json gets the same" problem application/json

refused() { check "$2: $1" status "$1" "${@:3}"; }
refused 404 "GET of nothing" "$URL/file/missing"
refused 404 "wc of nothing" "$URL/file/missing/wc"
refused 404 "mv of nothing" -X PUT --data-raw '{"path": "x"}' "$URL/file/missing/mv"
refused 404 "DELETE of nothing" -X DELETE "$URL/file/missing"
refused 405 "POST /" -X POST "$URL/"
refused 404 "a path beside /file" "$URL/files/there"
refused 405 "POST /file" -X POST --data-binary x "$URL/file"
refused 405 "PATCH" -X PATCH "$URL/file/there"
refused 405 "DELETE of wc, which is an action for GET and HEAD alone" -X DELETE "$URL/file/there/wc"
refused 405 "POST to mv, which is an action for PUT alone" -X POST --data-raw '{"path": "x"}' "$URL/file/there/mv"
refused 400 "mv without a body" -X PUT "$URL/file/there/mv"
refused 400 "mv with something else than JSON" -X PUT --data-raw 'path=x' "$URL/file/there/mv"
refused 400 "mv without a path" -X PUT --data-raw '{"to": "x"}' "$URL/file/there/mv"
refused 400 "mv to a number" -X PUT --data-raw '{"path": 7}' "$URL/file/there/mv"
refused 400 "mv out of the storage" -X PUT --data-raw '{"path": "../out"}' "$URL/file/there/mv"
refused 400 "mv out of the storage, encoded" -X PUT --data-raw '{"path": "%2e%2e%2fout"}' "$URL/file/there/mv"
refused 400 "GET of .." --path-as-is "$URL/file/../etc/passwd"
refused 400 "GET of %2e%2e%2f" "$URL/file/%2e%2e%2fetc%2fpasswd"
refused 400 "GET of .. in the middle" --path-as-is "$URL/file/there/../there"
refused 400 "POST to .." -X POST --data-binary x "$URL/file/..%2Fout"
refused 400 "DELETE of .." -X DELETE "$URL/file/..%2Fstorage"
refused 400 "NUL in a name" "$URL/file/a%00b"
refused 400 "a newline in a name" "$URL/file/a%0Ab"
refused 400 "bad percent-encoding" "$URL/file/100%"
refused 400 "a name that is not UTF-8" "$URL/file/%ff%fe"
refused 403 "GET in the server's own folder" "$URL/file/.http-nas"
refused 403 "POST into the server's own folder" -X POST --data-binary x "$URL/file/.http-nas%2Fx"
refused 403 "DELETE of the server's own folder" -X DELETE "$URL/file/.http-nas"

allow() {
  local expected=$1
  shift
  same "$expected" "$(curl -sS -o /dev/null -D - "$@" | tr -d '\r' | sed -n 's/^[Aa]llow: //p')"
}
check "a 405 for /file names what is allowed" allow 'GET, HEAD' -X POST "$URL/file"

mkfifo "$storage/fifo"
refused 409 "GET of a FIFO, at once" --max-time 10 "$URL/file/fifo"
refused 409 "POST onto a FIFO, at once" --max-time 10 -X POST --data-binary x "$URL/file/fifo"

echo secret >"$work/secret"
ln -s "$work/secret" "$storage/out"
ln -s "$work" "$storage/out-folder"
ln -s there "$storage/within"
refused 404 "GET through a link out of the storage" "$URL/file/out"
refused 404 "GET below a link out of the storage" "$URL/file/out-folder%2Fsecret"
refused 403 "POST below a link out of the storage" -X POST --data-binary x "$URL/file/out-folder%2Fsecret"
refused 403 "PUT through a link out of the storage" -X PUT --data-binary x "$URL/file/out"
check "what the links point to is as it was" same secret "$(cat "$work/secret")"
check "a link that stays inside is followed" same one "$(curl -sS -f "$URL/file/within")"
check "the file is as it was" same one "$(cat "$storage/there")"
check "nothing was written beside the storage" absent "$work/out"
check "nothing is left in the server's own folder" no_litter "$storage"

no_path() {
  status 404 "$URL/file/out"
  not grep -F -e "$work" -e 'os error' "$work/reply"
}
check "a reply names no path of the server" no_path
finish
