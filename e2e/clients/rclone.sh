#!/usr/bin/env bash
# rclone copyurl, and a copy by several streams from rclone's remote for HTTP.

# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

need_python # for the proxy
need_program rclone rclone
version=$(rclone --version | awk 'NR == 1 { print $2 }')
echo "rclone $version, seed $seed"
cd -- "$work"
start_server "$work/storage"
start_proxy
mkdir storage/folder copies
stored=$work/storage/folder/data.bin
size=$((300 * 1024 * 1024 + 7))
random_file "$stored" "$size"
touch -d '2024-02-29 12:00:00 UTC' "$stored"

rclone() { command rclone --config "" --low-level-retries 3 --retries 3 --retries-sleep 1s "$@"; }

copied() {
  rclone copyurl "$URL/file/folder/data.bin" copies/got
  cmp copies/got "$stored"
  same "$(stat -c %Y "$stored")" "$(stat -c %Y copies/got)"
  rclone copyurl --auto-filename "$URL/file/folder/data.bin" copies
  cmp copies/data.bin "$stored"
  rclone copyurl --stdout "$URL/file/folder%2Fdata.bin" | cmp - "$stored"
}
check "rclone copyurl: the same bytes and the same time, by name and to standard output" copied

broken_connection() {
  order reply 100000000
  # Fails, or does it again: never a part under the name.
  if rclone copyurl "$PROXY/file/folder/data.bin" copies/broken; then cmp copies/broken "$stored"; else absent copies/broken; fi
  ordered_is_done 1
  order answered
  not rclone copyurl --retries 1 "$URL/file/not-there" copies/none
  absent copies/none
}
check "rclone copyurl: no part of a file is taken for the whole" broken_connection

by_range() {
  log_from_here
  rclone copyto --multi-thread-streams 4 --multi-thread-cutoff 10M ":http,url='$URL/file/':folder/data.bin" copies/streams
  cmp copies/streams "$stored"
  same "$(stat -c %Y "$stored")" "$(stat -c %Y copies/streams)"
  wait_for 20 has_log_lines GET folder/data.bin 206 4
}
check "rclone copyto from its http remote: four streams at once" by_range

# As docs/api.md says: a remote that reads the pages of folders.
remote=":http,url='$URL/file/':"
pages() { rclone --http-headers 'Accept,text/html' "$@"; }
mkdir -p storage/tree/deep/er storage/tree/empty
for name in a.csv 'a b.csv' '%41.csv' httpd.log x:y 'Ω.csv' deep/x deep/er/y; do echo "$name" >"storage/tree/$name"; done
listed() {
  diff <(pages lsf -R --files-only "${remote}tree" | LC_ALL=C sort) <(cd storage/tree && find . -type f -printf '%P\n' | LC_ALL=C sort)
  grep '10 deep/er/y' <(pages ls "${remote}tree")
  same 'folder/ tree/' "$(pages lsf --dirs-only "$remote" | tr '\n' ' ' | sed 's/ $//')"
}
check "rclone ls and lsf -R of its http remote: all levels, and the root" listed
copied_tree() {
  rm -rf copies/tree
  pages copy "${remote}tree" copies/tree
  rm -rf storage/tree/empty copies/tree/empty
  diff -r copies/tree storage/tree
}
check "rclone copy of a folder" copied_tree

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
works_with rclone "${version#v}" "\`copyurl\` with \`--auto-filename\` and \`--stdout\`, the time of the file; \`copyto\` by four streams from its http remote; \`ls\`, \`lsf -R\` and \`copy\` of folders with \`--http-headers 'Accept,text/html'\`"
finish
