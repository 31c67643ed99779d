#!/usr/bin/env bash
# aria2c with tokens: each way to send one, and what becomes of one that is missing, wrong or not
# enough.

# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

need_program aria2c aria2
version=$(aria2c --version | awk 'NR == 1 { print $3 }')
echo "aria2c $version"
cd -- "$work"
start_closed_server
head -c 30000000 /dev/urandom >closed/tree/large
for name in reader stranger; do
  printf 'header=Authorization: Bearer %s\n' "$(token_of "$name")" >"tokens/$name.conf"
done
# It refuses a .netrc that others may read.
chmod 600 tokens/*.netrc

# ask WAY WHO PATH
ask() {
  local way=$1 who=$2 path=/file/$3 address=$URL arguments=(--no-conf)
  rm -f got
  case $way in
    "--conf-path") arguments=(--conf-path="$work/tokens/$who.conf") ;;
    "--netrc-path") arguments+=(--no-netrc=false --netrc-path="$work/tokens/$who.netrc") ;;
    "--http-user") arguments+=(--http-user="$who" --http-passwd="$(token_of "$who")") ;;
    "--header") arguments+=(--header="Authorization: Bearer $(token_of "$who")") ;;
    "http://NAME:TOKEN@") address=$(address_of "$who") ;;
  esac
  aria2c "${arguments[@]}" --quiet --max-tries=5 --retry-wait=1 --min-split-size=1M -x 4 -s 4 --out=got "$address$path"
}
fetched() {
  log_from_here
  ask "$1" reader tree/large
  cmp got closed/tree/large
  wait_for 20 has_log_lines GET tree/large 206 3
}
refused() {
  refused_once GET tree/large 401 ask "$1" stranger tree/large
  refused_once GET secret.csv 403 ask "$1" reader secret.csv
  # Its word for a server that asks for a password.
  fails_with 24 ask "$1" stranger tree/large
  fails_with 24 ask none nobody tree/large
  fails_with 22 ask "$1" reader secret.csv
  absent got
}
for way in --conf-path --netrc-path --http-user --header "http://NAME:TOKEN@"; do
  check "aria2c $way: four ranges at once" fetched "$way"
  check "aria2c $way: a wrong token, and too few rights, are errors at once" refused "$way"
done

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
works_with aria2c "$version" "tokens by \`--conf-path\`, \`--netrc-path\`, \`--http-user\` and \`--http-passwd\`, \`--header\` and in the address; what is not allowed is an error at once"
finish
