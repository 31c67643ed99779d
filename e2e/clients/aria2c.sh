#!/usr/bin/env bash
# aria2c -x 8 -s 8: 1 GiB by eight connections at once, each with ranges of its own; over broken
# connections, and after a stop.

# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

need_python # for the proxy
need_program aria2c aria2
version=$(aria2c --version | awk 'NR == 1 { print $3 }')
echo "aria2c $version, seed $seed"
cd -- "$work"
start_server "$work/storage"
start_proxy
# prepare SIZE: the file to fetch, and what is said of it.
stored=$work/storage/data.bin
prepare() {
  size=$1
  random_file "$stored" "$size"
  settings=(--no-conf --no-netrc=true --all-proxy= "--dir=$work" "--checksum=sha-256=$(checksum "$stored")" -x 8 -s 8
    --file-allocation=none --retry-wait=1 --max-tries=10 --console-log-level=warn --summary-interval=0 --show-console-readout=false)
}

prepare $((1024 * 1024 * 1024))

# The first connection asks for the whole, and is left when it comes to where the next one began.
in_ranges() {
  log_from_here
  aria2c "${settings[@]}" --out=got "$URL/file/data.bin"
  cmp got "$stored"
  wait_for 20 has_log_lines GET data.bin 206 7
}
check "aria2c -x 8 -s 8: 1 GiB in parallel ranges" in_ranges
rm -f got

# A quarter of it shows the rest as well.
prepare $((256 * 1024 * 1024))

broken_connections() {
  orders "reply 10000000" "reply 20000000 reset" "" "reply 30000000" "reply 5000"
  aria2c "${settings[@]}" --out=broken "$PROXY/file/data.bin"
  ordered_is_done 4
  cmp broken "$stored"
}
check "aria2c: four of its connections break, and the file is whole" broken_connections

stopped_and_continued() {
  local process n orders=()
  # Each stands still in its turn, so that it cannot be done before it is killed.
  for n in 1 2 3 4 5 6 7 8; do orders+=("hold-reply $((n * 4000000))"); done
  orders "${orders[@]}"
  aria2c "${settings[@]}" --auto-save-interval=1 --out=stopped "$PROXY/file/data.bin" &
  process=$!
  ends_with_check "$process"
  wait_for 60 ordered_is_done 8
  wait_for 30 test -e stopped.aria2
  signal TERM "$process"
  # Its word for downloads that are not done.
  same 7 "$CODE"
  log_from_here
  aria2c "${settings[@]}" --continue=true --out=stopped "$URL/file/data.bin"
  cmp stopped "$stored"
  absent stopped.aria2
  # What was there is not fetched again: at least one piece of each connection.
  wait_for 20 has_log_lines GET data.bin 206 8
  (($(sent GET data.bin 206 | awk '{ sum += $1 } END { print sum }') < size))
}
check "aria2c --continue: stopped half-way, it fetches the rest" stopped_and_continued

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
works_with aria2c "$version" "\`-x 8 -s 8\`: 1 GiB in parallel ranges, its digest compared; over broken connections; \`--continue\`"
finish
