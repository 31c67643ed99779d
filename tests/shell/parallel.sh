#!/usr/bin/env bash
# Many clients at once: uploads, appends to one file, and readers while a file is replaced.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
start_server "$storage"
export URL work

# Sizes below, at and above what fits into one buffer or one chunk, each with content of its own.
mkdir "$work/source"
for number in {1..64}; do
  random_file "$work/source/$number" $((number * number * 1031 - number))
done

upload_all() { seq 64 | xargs -P 16 -I{} curl -sS -f -o /dev/null -X POST -T "$work/source/{}" "$URL/file/up%2F{}"; }
check "64 uploads, 16 at a time" upload_all
check "each is stored byte for byte" diff -r "$work/source" "$storage/up"

pipe_all() { seq 64 | xargs -P 16 -I{} sh -c 'cat "$work/source/{}" | curl -sS -f -o /dev/null -X POST -T - "$URL/file/piped/{}"'; }
check "64 uploads through pipes, 16 at a time" pipe_all
check "each of these too" diff -r "$work/source" "$storage/piped"

download_all() {
  mkdir "$work/back"
  seq 64 | xargs -P 16 -I{} curl -sS -f -o "$work/back/{}" "$URL/file/up%2F{}"
  diff -r "$work/source" "$work/back"
}
check "64 downloads, 16 at a time" download_all

one_curl() {
  local number arguments=()
  for number in {1..32}; do arguments+=(-o "$work/parallel-$number" "$URL/file/up/$number"); done
  curl -sS -f --parallel --parallel-max 8 "${arguments[@]}"
  for number in {1..32}; do cmp "$work/source/$number" "$work/parallel-$number"; done
}
check "curl --parallel gets each whole" one_curl

# Every append is one line, from 1 byte to some 600 KB, that tells by itself whether it is whole:
# sorted, the lines of the file have to be the lines that were sent.
mkdir "$work/lines"
for number in {1..60}; do
  {
    printf '%s:' "$number"
    head -c $((number * number * 128)) /dev/urandom | base64 -w 0
    echo
  } >"$work/lines/$number"
done
printf '\n' >"$work/lines/0"

append_all() {
  curl -sS -f -X POST -d '' "$URL/file/log"
  seq 0 60 | xargs -P 16 -I{} sh -c 'cat "$work/lines/{}" | curl -sS -f -o /dev/null -X PUT -T - "$URL/file/log"'
  cat "$work"/lines/* | LC_ALL=C sort >"$work/expected"
  LC_ALL=C sort "$storage/log" | cmp - "$work/expected"
}
check "61 appends to one file, 16 at a time: each is there once and whole" append_all

head -c 3000000 /dev/zero | tr '\0' a >"$work/version-a"
head -c 2000000 /dev/zero | tr '\0' b >"$work/version-b"
whole_versions() {
  local writers
  curl -sS -f -X POST -T "$work/version-a" "$URL/file/replaced"
  seq 100 | xargs -P 2 -I{} sh -c \
    'n={}; [ $((n % 2)) = 0 ] && v=a || v=b; exec curl -sS -f -o /dev/null -X POST -T "$work/version-$v" "$URL/file/replaced"' &
  writers=$!
  seq 200 | xargs -P 4 -I{} sh -c 'curl -sS -f "$URL/file/replaced" | sha256sum' | sort -u >"$work/seen"
  wait "$writers"
  sha256sum "$work/version-a" "$work/version-b" | cut -d ' ' -f 1 | sort >"$work/versions"
  cut -d ' ' -f 1 "$work/seen" | comm -13 "$work/versions" - >"$work/strange"
  echo "read besides the two versions: $(cat "$work/strange")"
  [[ ! -s $work/strange ]]
}
check "200 readers during 100 replaces: always one whole version" whole_versions

growing() {
  local appenders got
  printf 'x%.0s' {1..1000} >"$work/thousand"
  curl -sS -f -X POST -T "$work/thousand" "$URL/file/growing"
  seq 60 | xargs -P 4 -I{} curl -sS -f -o /dev/null -X PUT -T "$work/thousand" "$URL/file/growing" &
  appenders=$!
  seq 100 | xargs -P 4 -I{} sh -c 'curl -sS -f "$URL/file/growing" | wc -c' | sort -un >"$work/seen"
  wait "$appenders"
  while read -r got; do
    echo "$got bytes were read"
    ((got % 1000 == 0))
  done <"$work/seen"
  same 61000 "$(stat -c %s "$storage/growing")"
}
check "readers of a file that grows see whole appends only" growing
# Thirty uploads begin in one burst and stay open, all fed by one pipe into which nothing is written. None
# of them, and nothing that comes after them, may have to wait for another to end.
mkfifo "$work/silent"
exec {silent}<>"$work/silent"
burst=()
for number in {1..30}; do
  : >"$work/trace-$number"
  (exec curl -sS -f -v --expect100-timeout 60 -o /dev/null -X POST -T - "$URL/file/burst%2F$number" 2>"$work/trace-$number") \
    <"$work/silent" {silent}>&- &
  burst+=("$!")
done
asked() { grep -l '^< HTTP/1.1 100' "$work"/trace-* | wc -l; }
all_asked() { (($(asked) == 30)); }
all_begin() { wait_for 15 all_asked || same 30 "$(asked)"; }
check "30 uploads begin in a burst: the server asks each for its body" all_begin
check "health is answered at once meanwhile" curl -sS -f --max-time 2 "$URL/file"
check "so is a GET" curl -sS -f --max-time 2 -o /dev/null "$URL/file/up%2F1"
exec {silent}>&-
burst_ended() { wait_for 30 gone "$1"; }
for upload in "${burst[@]}"; do burst_ended "$upload" || kill -TERM "$upload"; done
all_stored() { same 30 "$(find "$storage/burst" -type f | wc -l)"; }
check "and all are stored in the end" all_stored

check "nothing is left in the server's own folder" no_litter "$storage"
finish
