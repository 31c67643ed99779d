#!/usr/bin/env bash
# rclone with tokens: its remote for HTTP and copyurl, each way to send one, and what becomes of one
# that is missing, wrong or not enough.

# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

need_program rclone rclone
version=$(rclone --version | awk 'NR == 1 { print $2 }')
echo "rclone $version"
cd -- "$work"
start_closed_server
for name in reader stranger; do
  cat >"tokens/$name.conf" <<END
[nas]
type = http
url = $URL/file/
headers = Accept,text/html,Authorization,Bearer $(token_of "$name")
END
done

# ask WAY WHO COMMAND PATH [TO]: rclone COMMAND, of PATH.
ask() {
  local way=$1 who=$2 command=$3 path=$4 configuration="" remote=":http,url='$URL/file/':" header
  shift 4
  header="Authorization,Bearer $(token_of "$who")"
  local arguments=(--http-headers "Accept,text/html")
  case $way in
    "rclone.conf") configuration=$work/tokens/$who.conf remote=nas: arguments=() ;;
    "--http-headers") arguments=(--http-headers "Accept,text/html,$header") ;;
    "RCLONE_HTTP_HEADERS") arguments=() && export RCLONE_HTTP_HEADERS="Accept,text/html,$header" ;;
    "http://NAME:TOKEN@") remote=":http,url='$(address_of "$who")/file/':" ;;
  esac
  rclone --config "$configuration" --low-level-retries 3 --retries 3 --retries-sleep 1s "${arguments[@]}" \
    "$command" "$remote$path" "$@"
}
copied() {
  rm -rf copy
  same "a.csv deep/b.csv deep/er/c.csv" "$(ask "$1" reader lsf tree -R --files-only | LC_ALL=C sort | xargs)"
  ask "$1" reader copy tree copy
  diff -r copy closed/tree
}
refused() {
  local case who path status started
  for case in stranger:tree/a.csv:401 reader:secret.csv:403; do
    IFS=: read -r who path status <<<"$case"
    # It asks more than once, and for other names beside it.
    log_from_here
    started=$SECONDS
    not ask "$1" "$who" cat "$path" 2>errors
    cat errors
    grep -F "$status" errors
    (($(awk -v "from=$log_mark" 'NR > from && / request /' "$LOG" | wc -l) <= 20 && SECONDS - started < 20))
  done
}
for way in rclone.conf --http-headers RCLONE_HTTP_HEADERS "http://NAME:TOKEN@"; do
  check "rclone $way: lsf -R and copy of a folder" copied "$way"
  check "rclone $way: a wrong token, and too few rights, are errors soon" refused "$way"
done

by_address() {
  rclone --config "" copyurl "$(address_of reader)/file/tree/a.csv" got
  cmp got closed/tree/a.csv
  rclone --config "" copyurl --header "Authorization: Bearer $(token_of reader)" "$URL/file/tree/a.csv" got2
  cmp got2 closed/tree/a.csv
  not rclone --config "" --retries 1 copyurl "$(address_of stranger)/file/tree/a.csv" got3 2>errors
  grep 401 errors
  absent got3
}
check "rclone copyurl: in the address, and by --header" by_address

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
works_with rclone "${version#v}" "tokens by \`headers\` in \`rclone.conf\`, \`--http-headers\`, \`RCLONE_HTTP_HEADERS\` and in the address; \`copyurl\` with \`--header\`"
finish
