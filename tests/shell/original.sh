#!/usr/bin/env bash
# The command lines that the README of Redactics/http-nas gave its users, as they are there except
# for the address: a pipeline written for that service has to run unchanged.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
start_server "$storage"
cat=$work/cat.jpg
random_file "$cat" 300000

health() { same OK "$(curl -sf "$URL/file")"; }
check "GET /file answers OK" health

# The useless cat is the point: it makes the body a pipe of unknown length.
# shellcheck disable=SC2002
stream_in() { same OK "$(cat "$cat" | curl -X POST -H "Transfer-Encoding: chunked" -s -f -T - "$URL/file/cat.jpg")"; }
check "a file streams in through a pipe" stream_in
check "the stored file is the one that was sent" cmp "$cat" "$storage/cat.jpg"

stream_out() { curl "$URL/file/cat.jpg" | cmp - "$cat"; }
check "the file streams out" stream_out

append() {
  printf 'one\ntwo\n' | curl -X POST -H "Transfer-Encoding: chunked" -s -f -T - "$URL/file/mydata.csv"
  same OK "$(printf "test append" | curl -X PUT -H "Transfer-Encoding: chunked" -s -f -T - "$URL/file/mydata.csv")"
  printf 'one\ntwo\ntest append' | cmp - "$storage/mydata.csv"
}
check "an append through a pipe lands at the end of the file" append

line_count() {
  local count
  count=$(curl "$URL/file/mydata.csv/wc" && echo .)
  same "$(wc -l <"$storage/mydata.csv")." "$count"
}
check "wc gives what wc -l gives, with nothing after it" line_count

# shellcheck disable=SC2002
into_directory() { cat "$cat" | curl -X POST -H "Transfer-Encoding: chunked" -s -f -T - "$URL/file/mydirectory%2Fcat.jpg"; }
check "a file streams into a directory that is made for it" into_directory
check "the file is in that directory" cmp "$cat" "$storage/mydirectory/cat.jpg"

from_directory() { curl "$URL/file/mydirectory%2Fcat.jpg" | cmp - "$cat"; }
check "a file streams out of a directory" from_directory

listing() {
  printf 'second' | curl -X POST -s -f -T - "$URL/file/mydirectory%2Falso.txt"
  curl "$URL/file/mydirectory" | cmp - <(printf 'also.txt\ncat.jpg\n')
}
check "a directory is listed, one name a line" listing

move() {
  curl -X PUT "$URL/file/cat.jpg" --fail --header 'Content-Type: application/json' --data-raw '{ "path": "newcat.jpg" }'
}
move_by_mv() {
  same OK "$(curl -X PUT "$URL/file/cat.jpg/mv" --header 'Content-Type: application/json' --data-raw '{ "path": "newcat.jpg" }')"
  cmp "$cat" "$storage/newcat.jpg"
  absent "$storage/cat.jpg"
}
check "mv renames a file" move_by_mv

# The original's README forgot the /mv in its line; its server said OK to that and changed nothing.
move_without_action() {
  printf 'old' | curl -X POST -s -f -T - "$URL/file/cat.jpg"
  fails_with 22 move
  same old "$(cat "$storage/cat.jpg")"
}
check "without /mv it is refused, and the file stays as it is" move_without_action

move_into_directory() {
  same OK "$(curl -X PUT "$URL/file/mydirectory%2Fcat.jpg/mv" --header 'Content-Type: application/json' \
    --data-raw '{ "path": "another%2Fplace%2Fcat.jpg" }')"
  cmp "$cat" "$storage/another/place/cat.jpg"
}
check "mv takes a %2F name and makes the directories on the way" move_into_directory

delete() {
  same OK "$(curl -X DELETE "$URL/file/newcat.jpg")"
  absent "$storage/newcat.jpg"
  same OK "$(curl -X DELETE "$URL/file/another")"
  absent "$storage/another"
}
check "DELETE removes a file, and a directory with all in it" delete

check "nothing is left in the server's own folder" no_litter "$storage"
finish
