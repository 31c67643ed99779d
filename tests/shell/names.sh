#!/usr/bin/env bash
# Names that a shell user really has: spaces, other alphabets, and the characters that mean
# something in a URL.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
start_server "$storage"

# through_all NAME: every request takes the name, and the file on the disk bears exactly it.
through_all() {
  local name=$1 url
  url=$URL/file/$(encode "$1")
  printf 'content of %s\n' "$name" >"$work/content"
  curl -sS -f -X POST -T - "$url" <"$work/content"
  cmp "$work/content" "$storage/$name"
  curl -sS -f "$url" | cmp - "$work/content"
  same 1 "$(curl -sS -f "$url/wc")"
  curl -sS -f "$URL/file/%2F" | grep -xF -e "$name" >/dev/null
  printf 'more' | curl -sS -f -X PUT -T - "$url"
  same more "$(tail -n 1 "$storage/$name")"
  curl -sS -f -X PUT --data-raw "{\"path\": \"moved%2F$(encode "$name")\"}" "$url/mv"
  absent "$storage/$name"
  [[ -f $storage/moved/$name ]]
  curl -sS -f -X DELETE "$URL/file/moved%2F$(encode "$name")"
  absent "$storage/moved/$name"
}

long=$(printf 'n%.0s' {1..255})
for name in 'two words' ' spaces around ' 'Grüße.csv' '日本語.txt' 'Привет' '🎉.zip' 'a+b' '100%' '50%25' '%2F' 'what?' 'a#b' 'a&b=c' \
  "it's" 'say "hi"' 'back\slash' '-dash' '.hidden' 'wc' 'mv' '~' '*' '[a-z]' '$HOME' '`id`' ';' '|' 'a:b' '@' '{x}'; do
  check "the name <$name>" through_all "$name"
done
check "a name of 255 bytes" through_all "$long"
check "a name of 256 bytes: 400" status 400 -X POST --data-binary x "$URL/file/${long}n"

deep=$(printf 'd%.0s' {1..200})
too_long=$deep
for _ in {1..20}; do too_long+="/$deep"; done
check "a path over 4,096 bytes: 400" status 400 -X POST --data-binary x "$URL/file/$too_long"

as_typed() {
  printf 'x' | curl -sS -f -X POST -T - "$URL/file/$1"
  [[ -f $storage/$1 ]]
  same x "$(curl -sS -f "$URL/file/$1")"
}
check "a plus as it is typed stays a plus" as_typed 'c+d'
check "other alphabets as they are typed" as_typed 'straße-日本'

decoded_once() {
  printf 'x' | curl -sS -f -X POST -T - "$URL/file/a%252Fb"
  [[ -f $storage/a%2Fb ]]
  absent "$storage/a"
}
check "a name is decoded once" decoded_once

# The same letter as one code point and as two: a server that normalises would make one file of
# them.
both_forms() {
  printf 'one' | curl -sS -f -X POST -T - "$URL/file/%C3%A9"
  printf 'two' | curl -sS -f -X POST -T - "$URL/file/e%CC%81"
  same onetwo "$(curl -sS -f "$URL/file/%C3%A9" "$URL/file/e%CC%81")"
}
check "two forms of one letter are two files" both_forms

check "/file/a/b and /file/a%2Fb are the same file" same inner "$(
  printf 'inner' | curl -sS -f -o /dev/null -X POST -T - "$URL/file/x/y/z"
  curl -sS -f "$URL/file/x%2Fy%2Fz"
)"
check "nothing is left in the server's own folder" no_litter "$storage"
finish
