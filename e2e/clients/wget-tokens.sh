#!/usr/bin/env bash
# wget with tokens: each way to send one, folders with all levels, and what is said where a token is
# missing, wrong or not enough.

# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

need_program wget wget
version=$(wget --version | awk 'NR == 1 { print $3 }')
echo "wget $version"
cd -- "$work"
start_closed_server
for name in writer reader stranger; do
  printf 'header = Authorization: Bearer %s\n' "$(token_of "$name")" >"tokens/$name.wgetrc"
  mkdir "home-$name"
  cp "tokens/$name.netrc" "home-$name/.netrc"
done

# ask WAY WHO PATH WGET-ARGUMENT...
ask() {
  local way=$1 who=$2 path=/file/$3 address=$URL home=$work configuration=--no-config arguments=()
  shift 3
  case $way in
    "--config=FILE") configuration=--config=tokens/$who.wgetrc ;;
    ".netrc") home=$work/home-$who ;;
    "--user --password") arguments=(--user="$who" --password="$(token_of "$who")") ;;
    "--auth-no-challenge") arguments=(--auth-no-challenge --user="$who" --password="$(token_of "$who")") ;;
    "--header") arguments=(--header="Authorization: Bearer $(token_of "$who")") ;;
    "http://NAME:TOKEN@") address=$(address_of "$who") ;;
  esac
  HOME=$home wget "$configuration" --no-verbose --no-proxy --tries=5 --waitretry=1 --timeout=60 "${arguments[@]}" "$@" "$address$path"
}

does_all() {
  local way=$1
  rm -f got
  printf 'one\n' >one
  same OK "$(ask "$way" writer new -O - --method=POST --body-file=one)"
  same OK "$(ask "$way" writer new -O - --method=PUT --body-file=one)"
  same $'one\none' "$(ask "$way" writer new -O -)"
  same OK "$(ask "$way" writer new -O - --method=DELETE)"
  ask "$way" reader tree/a.csv -O got
  cmp got closed/tree/a.csv
}
refused() {
  local way=$1
  refused_in 401 "$way" stranger tree/a.csv
  refused_in 403 "$way" reader secret.csv
  # Its words for a password that is wrong, and for any other error.
  fails_with 6 ask "$way" stranger tree/a.csv -O got
  fails_with 8 ask "$way" reader secret.csv -O got
}
# refused_in STATUS WAY WHO PATH: at most once without and once with the token, which it sends to
# whoever asks for one.
refused_in() {
  local status=$1 way=$2 who=$3 path=$4
  log_from_here
  not ask "$way" "$who" "$path" -O got 2>errors
  grep -E "$status|Authentication Failed" errors
  wait_for 20 has_log_lines GET "$path" "$status" 1
  (($(log_lines GET "$path" "$status" | wc -l) <= 2))
}
mirrored() {
  rm -rf file
  ask "$1" reader tree/ -r -np -nH --header='Accept: text/html'
  find file -name index.html -delete
  diff -r file/tree closed/tree
}
for way in "--config=FILE" ".netrc" "--user --password" "--auth-no-challenge" "--header" "http://NAME:TOKEN@"; do
  check "wget $way: stores, appends, reads and deletes" does_all "$way"
  check "wget $way: a wrong token, and too few rights, are errors at once" refused "$way"
  check "wget -r $way: all levels of a folder" mirrored "$way"
done

told() {
  fails_with 6 ask none nobody tree/a.csv -O got 2>errors
  grep "Username/Password Authentication Failed" errors
  fails_with 8 ask --header reader secret.csv -O got --content-on-error
  grep '403 Forbidden: this takes the right "read" on "secret.csv"' got
}
check "what is missing is said" told

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
works_with wget "$version" "tokens by \`--config=FILE\`, \`~/.netrc\`, \`--user\` and \`--password\`, \`--auth-no-challenge\`, \`--header\` and in the address, also with \`-r\`; what is not allowed is an error at once"
finish
