#!/usr/bin/env bash
# GNU tar: a folder as a stream out of the server, and a stream of a folder into it and back.

# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

need_python # for the proxy
need_program tar tar
tar --version | grep -q 'GNU tar' || cannot_be_had "the tar on the PATH is not GNU tar"
version=$(tar --version | awk 'NR == 1 { print $NF }')
echo "tar $version, seed $seed"
cd -- "$work"
start_server "$work/storage"
start_proxy

# --- a folder with all that an archive has to get right ------------------------------------------

tree=$work/storage/folder/tree
long=$(printf 'd%.0s' {1..90})
make_tree() {
  local n
  mkdir -p "$tree/empty" "$tree/$long/$long/$long/$long" "$tree/many" "$tree/private"
  cd -- "$tree"
  : >nothing
  printf 'x' >one
  head -c 512 /dev/urandom >block
  head -c 511 /dev/urandom >block-less-one
  head -c 513 /dev/urandom >block-and-one
  head -c 30000001 /dev/urandom >large
  truncate -s 20M holes
  printf 'in the middle' | dd of=holes bs=1 seek=10000000 conv=notrunc status=none
  # Names: of 100 bytes and more, of 255, and what a shell or a header would take for something
  # else.
  printf 'deep' >"$long/$long/$long/$long/$(printf 'n%.0s' {1..200})"
  printf '255' >"$(printf 'm%.0s' {1..255})"
  printf '100' >"$(printf 'h%.0s' {1..100})"
  for n in 'with space' ' leading' 'trailing ' 'ünïcödé' '日本語' '-rf' '*' 'a\nb' "quote'\"" '%41' '.hidden' 'semi;colon' '{}'; do
    printf '%s' "$n" >"./$n"
  done
  for n in {1..500}; do printf '%s' "$n" >"many/$n"; done
  # Links: kept as links, wherever they lead.
  ln -s one link
  ln -s many link-to-folder
  ln -s ../one many/upwards
  ln -s not-there dangling
  ln -s /etc/hostname absolute
  ln -s "$long/$long/$long/$long" long-link
  ln -s loop loop
  ln one hard
  # Modes and times.
  chmod 600 block
  chmod 755 one
  chmod 444 nothing
  chmod 640 large
  chmod 700 private
  chmod 2775 many
  find . -exec touch -h -d '2024-02-29 12:34:56 UTC' {} +
  touch -d '1970-01-01 00:00:01 UTC' nothing
  touch -d '2039-01-19 03:14:08 UTC' one
  touch -d '2100-01-01 00:00:00 UTC' private
  touch -d '2024-02-29 12:34:56.789 UTC' block
}
(
  umask 022
  make_tree
)

# description FOLDER: all that has to be the same, one line a name; the content of files by its
# digest.
description() {
  (
    cd -- "$1"
    find . -mindepth 1 \( -type l -printf '%P %y %T@ -> %l\n' \) -o \( -type d -printf '%P %y %m %T@\n' \) -o \
      -printf '%P %y %m %T@ %s\n'
    find . -type f -print0 | xargs -0 sha256sum --
  ) | LC_ALL=C sort
}
identical() { diff <(description "$1") <(description "$2"); }
described() { (($(description "$tree" | wc -l) > 1000)); }
check "there is something to compare" described

restored() {
  mkdir "$1"
  tar -x -p --no-same-owner -f - -C "$1"
}

# --- out -----------------------------------------------------------------------------------------

out() {
  curl -fsS -D headers "$URL/file/folder/tree/tar" | restored out
  identical "$tree" out
  same application/x-tar "$(header Content-Type <headers)"
}
check "curl FOLDER/tar | tar -x: bytes, times, modes and links are restored" out

by_other_names() {
  curl -fsS "$URL/file/folder%2Ftree/tar" | restored encoded
  identical "$tree" encoded
  curl -fsS "$URL/file/folder/tar" | restored parent
  identical "$work/storage/folder" parent
  curl -fsS "$URL/file/%2F/tar" | restored root
  # All but the server's own folder, which is no part of what is stored.
  diff <(description "$work/storage" | grep -v '\.http-nas') <(description root)
  absent root/.http-nas
}
check "tar of a name with %2F, of the folder above, and of the root" by_other_names

listed() {
  curl -fsS "$URL/file/folder/tree/tar" | tar -t -f - >names
  same "$(find "$tree" -mindepth 1 | wc -l)" "$(grep -cvxE '\./?' names)"
  # An end of archive, and nothing behind it that GNU tar would complain of.
  curl -fsS "$URL/file/folder/tree/tar" >whole.tar
  tar -t -f whole.tar >none 2>complaints
  same "" "$(cat complaints)"
  same "$(printf '\0%.0s' {1..1024} | sha256sum)" "$(tail -c 1024 whole.tar | sha256sum)"
}
check "tar -t lists every name once, and finds the end" listed

an_empty_folder() {
  curl -fsS "$URL/file/folder/tree/empty/tar" | restored from-empty
  same "" "$(ls -A from-empty)"
}
check "an empty folder is an empty archive" an_empty_folder

not_a_folder() {
  status 409 "$URL/file/folder/tree/one/tar"
  status 404 "$URL/file/not-there/tar"
  status 200 -I "$URL/file/folder/tree/tar"
}
check "tar of a file is 409, of nothing 404" not_a_folder

broken_off() {
  order reply 20000000
  fails_with 18 curl -fsS -o cut.tar "$PROXY/file/folder/tree/tar"
  order reply 20000000
  mkdir cut
  # The pipe as a whole fails, by curl and by tar.
  not eval 'curl -fsS "$PROXY/file/folder/tree/tar" | tar -x -C cut'
  ordered_is_done 1
}
check "a stream that is cut off is not taken for whole" broken_off

# --- in ------------------------------------------------------------------------------------------

back_and_forth() {
  # GNU tar's own format has whole seconds only.
  tar -c --format=posix -C "$tree" . | curl -fsS -o none -X POST -T - "$URL/file/archives/tree.tar"
  curl -fsS "$URL/file/archives/tree.tar" | restored in
  identical "$tree" in
  tar -c -z --format=posix -C "$tree" . | curl -fsS -o none -X POST -T - "$URL/file/archives/tree.tar.gz"
  # Compressed bytes stay what they are, whatever a client says it accepts.
  curl -fsS --compressed "$URL/file/archives/tree.tar.gz" | tar -x -z -p --no-same-owner -C "$(mkdir in-gz && echo in-gz)"
  identical "$tree" in-gz
}
check "tar -c | curl -T -, and back" back_and_forth

# From one server to the other, with no file in between.
onwards() {
  curl -fsS "$URL/file/folder/tree/tar" | curl -fsS -o none -X POST -T - "$URL/file/archives/streamed.tar"
  restored streamed <storage/archives/streamed.tar
  identical "$tree" streamed
}
check "curl FOLDER/tar | curl -T -: a folder is archived on the server" onwards

# A member by its place in the archive, by range.
one_member() {
  local block first
  block=$(tar -t -R -f storage/archives/tree.tar | sed -n 's/^block \([0-9]*\): \.\/large$/\1/p')
  first=$(((block + 1) * 512))
  curl -fsS -r "$first-$((first + 30000000))" "$URL/file/archives/tree.tar" | cmp - "$tree/large"
}
check "a member of a stored archive is read by range" one_member

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
works_with "GNU tar" "$version" "\`tar -x\` of \`FOLDER/tar\` restores bytes, times, modes and links; \`tar -c\` into \`curl -T -\`, and back; a stream that is cut off fails"
finish
