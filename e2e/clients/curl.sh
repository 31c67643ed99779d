#!/usr/bin/env bash
# curl: resuming, ranges, conditions, entity tags, digests and older ways of asking. curl-append.sh
# has the append.

# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

need_python # for the proxy
version=$(curl --version | awk 'NR == 1 { print $2 }')
echo "curl $version, seed $seed"
cd -- "$work"
start_server "$work/storage"
start_proxy
file=$URL/file/data.bin
stored=$work/storage/data.bin
size=$((48 * 1024 * 1024 + 7))
random_text "$stored" "$size"

# --- resuming ------------------------------------------------------------------------------------

cuts=10
resumed_until_whole() {
  local have n
  RANDOM=$seed
  rm -f got
  for ((n = 1; n <= cuts; n++)); do
    have=$([[ ! -e got ]] || size_of got)
    # A little more than a head at least, so that each try gets somewhere.
    below $((2 * (size - ${have:-0}) / cuts))
    order reply $((BELOW + 2000)) "$([[ $((RANDOM % 2)) == 0 ]] || echo reset)"
    not curl -fsS -C - -o got "$PROXY/file/data.bin"
    ordered_is_done 1
    (($(size_of got) > ${have:-0} && $(size_of got) < size))
  done
  have=$(size_of got)
  log_from_here
  curl -fsS -C - -o got "$file"
  cmp got "$stored"
  sent_exactly GET data.bin 206 $((size - have))
}
check "curl -C -: a download cut $cuts times goes on each time where it stopped" resumed_until_whole

already_whole() {
  cp "$stored" whole
  log_from_here
  # With -f some versions call the 416 a failure.
  curl -sS -C - -o whole "$file"
  wait_for 20 has_log_lines GET data.bin 416 1
  cmp whole "$stored"
}
check "curl -C -: a file that is whole stays as it is" already_whole

from_offset() {
  curl -fsS -C 12345678 "$file" >rest
  cmp rest <(piece "$stored" 12345678 "$size")
}
check "curl -C OFFSET: the rest of a file" from_offset

# --- ranges --------------------------------------------------------------------------------------

last=$((size - 1))
# range SPECIFICATION FIRST LAST: what it names, as bytes and as Content-Range says it.
range() {
  status 206 -r "$1" -D headers "$file"
  cmp reply <(piece "$stored" "$2" $(($3 - $2 + 1)))
  same "bytes $2-$3/$size" "$(header Content-Range <headers)"
  same "$(($3 - $2 + 1))" "$(header Content-Length <headers)"
}
ranges() {
  range 0-0 0 0
  range 0-99 0 99
  range 1000- 1000 "$last"
  range -100 $((size - 100)) "$last"
  range "$last-" "$last" "$last"
  range "$((size - 10))-$((size + 1000))" $((size - 10)) "$last"
  range "-$((size + 1000))" 0 "$last"
  range "0-$last" 0 "$last"
  range 4095-1048576 4095 1048576
}
check "curl -r: the first, the last, the middle, open ends and more than there is" ranges

beyond() {
  fails_with 22 curl -fsS -r "$size-" -o none "$file"
  status 416 -r "$size-$((size + 9))" -D headers "$file"
  same "bytes */$size" "$(header Content-Range <headers)"
}
check "curl -r: beyond the end is 416, and Content-Range says the size" beyond

several_ranges() {
  status 200 -r 0-9,20-29 "$file"
  cmp reply "$stored"
}
check "curl -r with several ranges: the whole file" several_ranges

in_parallel() {
  local quarter=$((size / 4)) n arguments=()
  for n in 0 1 2 3; do
    arguments+=(-r "$((n * quarter))-$([[ $n == 3 ]] || echo $(((n + 1) * quarter - 1)))" -o "part-$n" "$file" --next)
  done
  unset 'arguments[-1]'
  curl --parallel -fsS "${arguments[@]}"
  cat part-0 part-1 part-2 part-3 | cmp - "$stored"
}
check "curl --parallel: four ranges of a file at once are the file" in_parallel

if_range() {
  local etag modified
  curl -fsSI "$file" >headers
  etag=$(header ETag <headers)
  modified=$(header Last-Modified <headers)
  status 206 -r 0-9 -H "If-Range: $etag" "$file"
  status 200 -r 0-9 -H 'If-Range: "another"' "$file"
  status 200 -r 0-9 -H "If-Range: W/$etag" "$file"
  status 200 -r 0-9 -H "If-Range: Thu, 01 Jan 1970 00:00:00 GMT" "$file"
  [[ -n $modified ]]
}
check "If-Range: a range of the same file, the whole of another" if_range

empty_file() {
  : >storage/empty
  status 200 "$URL/file/empty"
  status 416 -r 0-0 -D headers "$URL/file/empty"
  same "bytes */0" "$(header Content-Range <headers)"
}
check "curl -r of an empty file: 416" empty_file

# --- conditions ----------------------------------------------------------------------------------

# curl looks at Last-Modified too, and says 304 where a server should have but did not: so the log
# is asked as well.
timed() {
  log_from_here
  same "$1" "$(curl -sS -z "$2" -o none -w '%{http_code}' "$URL/file/timed")"
  wait_for 20 has_log_lines GET timed "$1" 1
}
time_conditions() {
  printf 'old\n' >storage/timed
  touch -d '2024-02-29 12:00:00 UTC' storage/timed
  curl -fsSR -o copy "$URL/file/timed"
  same "$(stat -c %Y storage/timed)" "$(stat -c %Y copy)"
  log_from_here
  curl -fsS -z copy -R -o copy "$URL/file/timed"
  same old "$(cat copy)"
  sent_exactly GET timed 304 0
  timed 200 'Thu, 29 Feb 2024 11:59:59 GMT'
  timed 304 'Thu, 29 Feb 2024 12:00:00 GMT'
  timed 304 'Thu, 29 Feb 2024 12:00:01 GMT'
  timed 412 '-Thu, 29 Feb 2024 11:59:59 GMT'
  timed 200 '-Thu, 29 Feb 2024 12:00:01 GMT'
  status 200 -H 'If-Unmodified-Since: Thu, 29 Feb 2024 12:00:00 GMT' "$URL/file/timed"
  printf 'new\n' | curl -fsS -o none -X POST -T - "$URL/file/timed"
  curl -fsS -z copy -R -o copy "$URL/file/timed"
  same new "$(cat copy)"
}
check "curl -z: not again while it has not changed, and again when it has; curl -R keeps the time" time_conditions

entity_tags() {
  printf 'one\n' | curl -fsS -o none -X POST -T - "$URL/file/tagged"
  curl -fsS --etag-save tag -o copy "$URL/file/tagged"
  [[ -s tag ]]
  log_from_here
  curl -fsS --etag-compare tag --etag-save tag -o copy "$URL/file/tagged"
  same one "$(cat copy)"
  sent_exactly GET tagged 304 0
  # As long as before, and within the same second.
  printf 'two\n' | curl -fsS -o none -X POST -T - "$URL/file/tagged"
  curl -fsS --etag-compare tag --etag-save tag -o copy "$URL/file/tagged"
  same two "$(cat copy)"
  printf 'more\n' | curl -fsS -o none -T - "$URL/file/tagged"
  curl -fsS --etag-compare tag --etag-save tag -o copy "$URL/file/tagged"
  same $'two\nmore' "$(cat copy)"
  same 304 "$(curl -sS --etag-compare tag -o none -w '%{http_code}' "$URL/file/tagged")"
}
check "curl --etag-save and --etag-compare: 304 until a write, however short after" entity_tags

conditional_writes() {
  local etag
  status 200 -X POST -H 'If-None-Match: *' -d 'first' "$URL/file/once"
  status 412 -X POST -H 'If-None-Match: *' -d 'second' "$URL/file/once"
  same first "$(cat storage/once)"
  etag=$(curl -fsSI "$URL/file/once" | header ETag)
  status 200 -X POST -H "If-Match: $etag" -d 'third' "$URL/file/once"
  status 412 -X POST -H "If-Match: $etag" -d 'fourth' "$URL/file/once"
  status 412 -X PUT -H "If-Match: $etag" -d ' and more' "$URL/file/once"
  status 412 -X DELETE -H "If-Match: $etag" "$URL/file/once"
  same third "$(cat storage/once)"
  status 412 -X POST -H 'If-Match: *' -d 'x' "$URL/file/not-there"
  absent storage/not-there
  no_litter "$work/storage"
}
check "If-Match and If-None-Match on writes: only as it was when it was looked at" conditional_writes

# --- integrity -----------------------------------------------------------------------------------

digest_of() { openssl dgst -sha256 -binary "$1" | base64; }
digests() {
  local field right wrong
  random_file upload 3000000
  right="sha-256=:$(digest_of upload):"
  wrong="sha-256=:$(digest_of "$stored"):"
  for field in Repr-Digest Content-Digest; do
    status 200 -X POST -H "$field: $right" -T upload "$URL/file/$field"
    cmp upload "storage/$field"
    status 400 -X POST -H "$field: $wrong" -T - "$URL/file/$field" <upload
    status 400 -X PUT -H "$field: $wrong" -T upload "$URL/file/$field"
    cmp upload "storage/$field"
    status 400 -X POST -H "$field: $wrong" -T upload "$URL/file/not-there"
    absent storage/not-there
  done
  curl -fsS -X POST -H 'Want-Repr-Digest: sha-256=1' -D headers -o none -T upload "$URL/file/wanted"
  same "$right" "$(header Repr-Digest <headers)"
  same "$(checksum upload)" "$(curl -fsS "$URL/file/wanted/sha256")"
  no_litter "$work/storage"
}
if command -v openssl >/dev/null; then
  check "Repr-Digest and Content-Digest: a body that differs is refused; Want-Repr-Digest and /sha256 tell" digests
else
  skip "digests" "there is no openssl"
fi

copies() {
  curl -fsS -o none -X PUT -d '{"path": "copies/data.bin"}' "$file/cp"
  cmp storage/copies/data.bin "$stored"
  status 412 -X PUT -H 'If-None-Match: *' -d '{"path": "copies/data.bin"}' "$URL/file/tagged/cp"
  cmp storage/copies/data.bin "$stored"
}
check "cp on the server; with If-None-Match: * never over a file" copies

# --- heads and older ways of asking --------------------------------------------------------------

heads() {
  local name
  curl -fsSI "$file" >headers
  curl -fsS -D headers-get -o none "$file"
  for name in Content-Length Content-Type ETag Last-Modified Accept-Ranges X-Content-Type-Options; do
    [[ -n $(header "$name" <headers) ]] || {
      echo "no $name"
      return 1
    }
    same "$(header "$name" <headers)" "$(header "$name" <headers-get)"
  done
  same bytes "$(header Accept-Ranges <headers)"
  same "$size" "$(header Content-Length <headers)"
  [[ $(header ETag <headers) == \"*\" ]]
  # The clock of the one and of the other are the same here.
  (($(date -d "$(header Date <headers-get)" +%s) - $(date +%s) <= 0 && $(date +%s) - $(date -d "$(header Date <headers-get)" +%s) <= 5))
}
check "curl -I: the headers of a GET, with Date" heads

older() {
  local host=${URL#http://}
  curl -fsS --http1.0 -o got "$file"
  cmp got "$stored"
  # The connection's end is told, and is the same as the body's.
  same 206 "$(curl -sS --http1.0 -r 0-9 -o got -w '%{http_code}' "$file")"
  cmp got <(piece "$stored" 0 10)
  curl -fsS -H 'Connection: close' -D headers -o got "$file"
  cmp got "$stored"
  same close "$(header Connection <headers)"
  curl -fsS --request-target "http://$host/file/data.bin" -o got "$file"
  cmp got "$stored"
  printf 'by 1.0' >upload
  curl -fsS --http1.0 -o none -X POST -T upload "$URL/file/old"
  same "by 1.0" "$(cat storage/old)"
  # One connection for all of them.
  same "1 0 0 " "$(curl -fsS -o none -o none -o none -w '%{num_connects} ' "$URL/file/old" -r 0-1 "$URL/file/old" "$URL/file/old")"
}
check "HTTP/1.0, Connection: close, absolute-form targets, and kept connections" older

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
works_with curl "$version" "\`-C -\` over $cuts cuts, \`-C OFFSET\`, \`-r\`, \`--parallel\` ranges, \`-z\`, \`-R\`, \`--etag-save\` and \`--etag-compare\`, conditional writes, digests, \`--http1.0\`"
finish
