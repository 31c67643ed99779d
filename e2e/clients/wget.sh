#!/usr/bin/env bash
# wget -c: downloads that are killed, or whose connection breaks, and go on; time stamping; uploads.

# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

need_python # for the proxy
need_program wget wget
version=$(wget --version | awk 'NR == 1 { print $3 }')
echo "wget $version, seed $seed"
cd -- "$work"
start_server "$work/storage"
start_proxy
size=$((64 * 1024 * 1024 + 7))
stored=$work/storage/data.bin
random_file "$stored" "$size"

wget() { command wget --no-config --no-verbose --no-proxy --tries=5 --waitretry=1 --timeout=60 "$@"; }

kills=5
killed_and_resumed() {
  local have n process
  RANDOM=$seed
  for ((n = 1; n <= kills; n++)); do
    have=$([[ ! -e got ]] || size_of got)
    below $((2 * (size - ${have:-0}) / kills))
    # The connection stands still here, so that wget cannot be done before it is killed.
    order hold-reply $((BELOW + 400000))
    command wget --no-config --no-proxy -q -c -O got "$PROXY/file/data.bin" &
    process=$!
    ends_with_check "$process"
    wait_for 30 ordered_is_done 1
    # What is buffered may come a little later, or not at all.
    wait_for 30 size_at_least got $((${have:-0} + 1))
    signal KILL "$process"
    same 137 "$CODE"
    (($(size_of got) > ${have:-0} && $(size_of got) < size))
  done
  have=$(size_of got)
  log_from_here
  wget -c -O got "$URL/file/data.bin"
  cmp got "$stored"
  sent_exactly GET data.bin 206 $((size - have))
}
check "wget -c: a download killed $kills times goes on each time where it stopped" killed_and_resumed

already_whole() {
  cp "$stored" whole
  log_from_here
  wget -c -O whole "$URL/file/data.bin"
  wait_for 20 has_log_lines GET data.bin 416 1
  cmp whole "$stored"
}
check "wget -c: a file that is whole stays as it is" already_whole

broken_connections() {
  log_from_here
  orders "reply 20000000" "reply 30000000 reset" "reply 1000"
  wget -O broken "$PROXY/file/data.bin"
  ordered_is_done 3
  cmp broken "$stored"
  wait_for 20 has_log_lines GET data.bin 206 3
}
check "wget goes on by itself where the connection broke, three times" broken_connections

from_position() {
  log_from_here
  wget --start-pos=50000000 -O rest "$URL/file/data.bin"
  cmp rest <(piece "$stored" 50000000 "$size")
  sent_exactly GET data.bin 206 $((size - 50000000))
}
check "wget --start-pos: the rest of a file" from_position

stamped() {
  mkdir stamped
  cd stamped
  printf 'old\n' >../storage/page.txt
  touch -d '2024-02-29 12:00:00 UTC' ../storage/page.txt
  wget -N "$URL/file/page.txt"
  same "$(stat -c %Y ../storage/page.txt)" "$(stat -c %Y page.txt)"
  log_from_here
  wget -N "$URL/file/page.txt"
  sent_exactly GET page.txt 304 0
  same old "$(cat page.txt)"
  printf 'new\n' | curl -fsS -o none -X POST -T - "$URL/file/page.txt"
  wget -N "$URL/file/page.txt"
  same new "$(cat page.txt)"
}
check "wget -N: not again while it has not changed, and again when it has" stamped

uploads() {
  random_file upload 3000000
  same OK "$(wget -O - --method=POST --body-file=upload "$URL/file/folder%2Fup.bin" 2>none)"
  same OK "$(wget -O - --method=PUT --body-file=upload "$URL/file/folder/up.bin" 2>none)"
  cmp storage/folder/up.bin <(cat upload upload)
  wget --spider "$URL/file/folder/up.bin"
  same OK "$(wget -O - --method=DELETE "$URL/file/folder/up.bin" 2>none)"
  fails_with 8 wget --spider "$URL/file/folder/up.bin"
  absent storage/folder/up.bin
}
check "wget --method with --body-file, and --spider" uploads

mirrored() {
  mkdir -p storage/tree/deep/er
  local name
  for name in a.csv 'a b.csv' httpd.log x:y 'Ω.csv' wc deep/x deep/er/y; do echo "$name" >"storage/tree/$name"; done
  # As docs/api.md says.
  wget -r -np -nH --header 'Accept: text/html' "$URL/file/tree/"
  find file -name index.html -delete
  [[ -e file/tree/%2Fwc ]]
  mv file/tree/%2Fwc file/tree/wc
  diff -r file/tree storage/tree
}
check "wget -r: all levels of a folder" mirrored

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
works_with wget "$version" "\`-c\` over $kills kills and broken connections, \`--start-pos\`, \`-N\`, \`--spider\`, uploads by \`--method\` and \`--body-file\`; \`-r\` with \`--header 'Accept: text/html'\`"
finish
