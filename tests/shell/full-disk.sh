#!/usr/bin/env bash
# A full disk: a tmpfs of 64 MiB in a mount namespace of its own, which ends with this script.

# shellcheck source-path=SCRIPTDIR source=../../scripts/own-mounts.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/own-mounts.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

if [[ -z ${OWN_MOUNTS-} ]]; then
  skip "a full disk" "no file system can be mounted here (needs root or user namespaces)"
  finish
fi

disk=$work/disk
storage=$disk/storage
mkdir "$disk"
mount -t tmpfs -o size=64m tmpfs "$disk"
release() { umount -l "$disk"; }

for size in 1 10 12 16 20 30 40 60 100; do truncate -s "${size}M" "$work/$size"; done
random_file "$work/old" 10M
random_file "$work/little" 900K

# What is visible in the storage, and the space in use: both have to be after a refusal what they
# were before.
used() { df --output=used "$disk" | tail -n 1; }
picture() {
  (cd "$storage" && find . -path ./.http-nas -prune -o -type f -printf '%p %s\n' | sort)
  echo "$(($(used) / 1024)) MiB"
}
settled() { [[ $(picture) == "$1" ]]; }
leaves_all() {
  local before
  before=$(picture)
  "$@"
  no_litter "$storage"
  wait_for 15 settled "$before" || {
    diff <(echo "$before") <(picture)
    return 1
  }
}

patient=(-sS -v --expect100-timeout 60)
refused_early() {
  same '507 0' "$(curl "${patient[@]}" -o /dev/null -w '%{http_code} %{size_upload}' "$@" 2>"$work/trace")"
  not grep '^< HTTP/1.1 100' "$work/trace"
}
refused_piped() { status 507 "${@:2}" -T - <"$work/$1"; }
empty_storage() {
  local name
  for name in "$storage"/*; do
    [[ ! -f $name ]] || curl -sS -f -o /dev/null -X DELETE "$URL/file/$(basename "$name")"
  done
}

start_server "$storage" --min-free-space 0

check "a declared body larger than the disk: 507 before the body" leaves_all refused_early -X POST -T "$work/100" "$URL/file/new"
check "a piped body larger than the disk: 507, nothing left" leaves_all refused_piped 100 -X POST "$URL/file/new"
check "no file of that name" status 404 "$URL/file/new"

curl -sS -f -o /dev/null -X POST -T "$work/old" "$URL/file/old"
check "a replacement that does not fit, declared: 507, nothing changed" \
  leaves_all refused_early -X POST -T "$work/60" "$URL/file/old"
check "a replacement that does not fit, piped: 507, nothing changed" leaves_all refused_piped 60 -X POST "$URL/file/old"
check "an append that does not fit, declared: 507, nothing changed" \
  leaves_all refused_early -X PUT -T "$work/60" "$URL/file/old"
check "an append that does not fit, piped: 507, nothing changed" leaves_all refused_piped 60 -X PUT "$URL/file/old"
check "the file is as it was, byte for byte" cmp "$work/old" "$storage/old"

# 10 + 40 fit on the disk, but not with the 40 staged beside them: a server may be thrifty or
# refuse, but the file is never in between.
all_or_nothing() {
  local code
  code=$(curl -sS -o "$work/reply" -w '%{http_code}' -X PUT -T - "$URL/file/old" <"$work/40") || true
  echo "status $code"
  case $code in
    507) cmp "$work/old" "$storage/old" ;;
    200) cat "$work/old" "$work/40" | cmp - "$storage/old" ;;
    *) return 1 ;;
  esac
  no_litter "$storage"
}
check "an append that fits only once is whole or refused" all_or_nothing
check "a body that fits still gets in" status 200 -X POST -T "$work/10" "$URL/file/fits"
check "reading works on a nearly full disk" status 200 "$URL/file/fits"
empty_storage

# The first upload has its 40 MiB promised but not yet written when the second asks.
hold_upload -H 'Transfer-Encoding:' -H "Content-Length: $((40 << 20))" "$URL/file/first"
check "two declared uploads that cannot both fit: the second is refused early" \
  refused_early -X POST -T "$work/40" "$URL/file/second"
check "one that fits beside the first gets in" status 200 -X POST -T "$work/10" "$URL/file/beside"
cat "$work/40" >&"$HELD"
end_upload "$HELD" "$UPLOAD"
check "the first is stored" same 0 "$CODE"
check "whole" cmp "$work/40" "$storage/first"
empty_storage

hold_upload -H 'Transfer-Encoding:' -H "Content-Length: $((40 << 20))" "$URL/file/first"
kill -TERM "$UPLOAD"
end_upload "$HELD" "$UPLOAD"
given_back() { wait_for 15 status 200 -X POST -T "$work/40" "$URL/file/second"; }
check "what an upload had reserved is free again when its client dies" given_back
empty_storage

# symptom: one upload that declares all the free space and sends a byte now and then denies every
#          other.
# cause:   all of a declared length was reserved before a byte of it had come.
# fix:     blocks are reserved ahead of what comes, and for a declaration alone half of the space is
#          promised at most.
hold_upload -H 'Transfer-Encoding:' -H "Content-Length: $((62 << 20))" "$URL/file/greedy"
printf x >&"$HELD"
check "beside an upload that declares all the space and brings nothing another gets in" \
  status 200 -X POST -T "$work/10" "$URL/file/other"
check "and is appended to" status 200 -X PUT -T "$work/1" "$URL/file/other"
check "and a large one gets in" status 200 -X POST -T "$work/16" "$URL/file/large"
kill -TERM "$UPLOAD"
end_upload "$HELD" "$UPLOAD"
wait_for 15 nothing_staged "$storage"
empty_storage

some_fit() {
  local good
  seq 4 | xargs -P 4 -I{} curl "${patient[@]}" -o /dev/null -w '{} %{http_code}\n' -X POST -T "$work/30" "$URL/file/p{}" \
    >"$work/codes" 2>"$work/trace"
  cat "$work/codes"
  good=$(grep -c ' 200$' "$work/codes")
  same $((4 - good)) "$(grep -c ' 507$' "$work/codes" || true)"
  same "$good" "$(find "$storage" -maxdepth 1 -name 'p*' -size 30M | wc -l)"
  same "$good" "$(find "$storage" -maxdepth 1 -name 'p*' | wc -l)"
  no_litter "$storage"
}
check "of four at once that cannot all fit some are stored and the rest are refused" some_fit
empty_storage

# Archives: of what does not fit, declared and piped; what is small and does not fit unpacked; and
# more files than the file system has inodes.
mkdir "$work/tree" "$work/many"
cp "$work/30" "$work/tree/a"
cp "$work/60" "$work/tree/b"
seq 20000 | (cd "$work/many" && xargs touch)
tar -c -f "$work/tree.tar" -C "$work/tree" .
tar -c -z -f "$work/tree.tgz" -C "$work/tree" .
tar -c -f "$work/many.tar" -C "$work/many" .
check "an archive larger than the disk, declared: 507 before the body" \
  leaves_all refused_early -X POST -T "$work/tree.tar" "$URL/file/new/untar"
check "the same piped: 507, nothing left" leaves_all refused_piped tree.tar -X POST "$URL/file/new/untar"
check "the same compressed: 507, nothing left" \
  leaves_all refused_piped tree.tgz -X POST -H 'Content-Encoding: gzip' "$URL/file/new/untar"
mount -o remount,nr_inodes=5000 "$disk"
check "more files than there are inodes: 507, nothing left" leaves_all refused_piped many.tar -X POST "$URL/file/new/untar"
rm "$work/tree/b"
unpacked() {
  tar -c -C "$work/tree" . | status 200 -X POST -T - "$URL/file/new/untar"
  cmp "$work/tree/a" "$storage/new/a"
}
check "one that fits is unpacked" unpacked
curl -sS -f -o /dev/null -X DELETE "$URL/file/new"
mount -o remount,nr_inodes=0 "$disk"

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"

start_server "$storage" --min-free-space 32MiB
check "--min-free-space: a declared body that would leave less is refused early" \
  leaves_all refused_early -X POST -T "$work/40" "$URL/file/new"
check "--min-free-space: a piped body that would leave less is refused" leaves_all refused_piped 40 -X POST "$URL/file/new"
empty_storage
check "--min-free-space: a body that leaves enough gets in" status 200 -X POST -T "$work/20" "$URL/file/fits"
empty_storage
check "--min-free-space: an append that creates the file needs its space once" \
  status 200 -T "$work/20" "$URL/file/fits?create"
check "--min-free-space: an append that would leave less is refused" leaves_all refused_piped 20 -X PUT "$URL/file/fits"
# 52 MiB are free with this one on the disk: its like goes in beside it, but not in and then behind
# it as well.
empty_storage
check "--min-free-space: a file to append to" status 200 -X POST -T "$work/12" "$URL/file/fits"
check "--min-free-space: an append that would leave less while it is there twice is refused early" \
  leaves_all refused_early -X PUT -T "$work/12" "$URL/file/fits"
check "--min-free-space: so is one whose length is not known, before it is joined" \
  leaves_all refused_piped 12 -X PUT "$URL/file/fits"

# The refusal comes while the client still has more to send: the disk is never filled up to the end.
refused_on_the_way() {
  hold_upload "$URL/file/new"
  cat "$work/40" >&"$HELD" || true
  wait_for 20 gone "$UPLOAD"
  end_upload "$HELD" "$UPLOAD"
  same 22 "$CODE"
}
check "--min-free-space: a piped body is refused as soon as it would leave less" refused_on_the_way

# Each is smaller than what is looked at on the way.
never_less() {
  local code=200
  while [[ $code == 200 ]]; do
    code=$(curl -sS -o /dev/null -w '%{http_code}' -X POST -T - "$URL/file/$(date +%N)" <"$work/little")
  done
  same 507 "$code"
  wait_for 15 nothing_staged "$storage"
  (($(df --output=avail "$disk" | tail -n 1) >= 32 * 1024)) || df "$disk"
  (($(df --output=avail "$disk" | tail -n 1) >= 32 * 1024))
}
check "--min-free-space: many small piped bodies never leave less" never_less
check "--min-free-space: reading needs no space" status 200 "$URL/file/fits"
check "--min-free-space: neither does mv" status 200 -X PUT --data-raw '{"path": "moved"}' "$URL/file/fits/mv"
check "--min-free-space: nor DELETE" status 200 -X DELETE "$URL/file/moved"
signal TERM "$PID"

start_server "$storage"
check "by default 64 MiB stay free: on this disk nothing gets in" refused_early -X POST -T "$work/1" -H 'Expect: 100-continue' "$URL/file/new"
check "nothing is left in the server's own folder" no_litter "$storage"
finish
