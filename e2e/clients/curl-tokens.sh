#!/usr/bin/env bash
# curl with tokens: each way to send one, and what is said where it is missing, wrong or not enough.

# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

version=$(curl --version | awk 'NR == 1 { print $2 }')
echo "curl $version"
cd -- "$work"
start_closed_server
for name in writer reader stranger; do
  printf 'user = "%s:%s"\n' "$name" "$(token_of "$name")" >"tokens/$name.config"
done

# ask WAY WHO PATH CURL-ARGUMENT...
ask() {
  local way=$1 who=$2 path=/file/$3 address=$URL arguments=()
  shift 3
  case $way in
    "-H @FILE") arguments=(-H "@tokens/$who.header") ;;
    "--netrc-file") arguments=(--netrc-file "tokens/$who.netrc") ;;
    "--config FILE") arguments=(--config "tokens/$who.config") ;;
    "-u") arguments=(-u "$who:$(token_of "$who")") ;;
    "--anyauth -u") arguments=(--anyauth -u "$who:$(token_of "$who")") ;;
    "--oauth2-bearer") arguments=(--oauth2-bearer "$(token_of "$who")") ;;
    "http://NAME:TOKEN@") address=$(address_of "$who") ;;
  esac
  curl -sS --fail-with-body "${arguments[@]}" "$@" "$address$path"
}

does_all() {
  local way=$1
  log_from_here
  same OK "$(printf 'one\n' | ask "$way" writer new -X POST -T -)"
  same OK "$(printf 'two\n' | ask "$way" writer new -T -)"
  same $'one\ntwo' "$(ask "$way" writer new)"
  same OK "$(ask "$way" writer new/mv -X PUT -d '{"path": "newer"}')"
  same OK "$(ask "$way" writer newer -X DELETE)"
  ask "$way" reader tree/a.csv | cmp - closed/tree/a.csv
  wait_for 20 has_log_lines GET tree/a.csv 200 1
  log_lines GET tree/a.csv 200 | grep -q ' by=reader '
}
refused() {
  local way=$1
  refused_once GET tree/a.csv 401 ask "$way" stranger tree/a.csv --retry 3
  refused_once GET secret.csv 403 ask "$way" reader secret.csv --retry 3
  refused_once GET none.csv 403 ask "$way" reader none.csv --retry 3
  refused_once POST tree/a.csv 403 ask "$way" reader tree/a.csv --retry 3 -X POST -d x
  fails_with 22 ask "$way" stranger tree/a.csv
}
for way in "-H @FILE" --netrc-file "--config FILE" -u --oauth2-bearer "http://NAME:TOKEN@"; do
  check "curl $way: stores, appends, reads, moves and deletes" does_all "$way"
  check "curl $way: a wrong token, and too few rights, are errors at once" refused "$way"
done

# Asks first which scheme there is: Bearer and Basic are offered, and it takes Basic.
any_scheme() {
  ask "--anyauth -u" reader tree/a.csv | cmp - closed/tree/a.csv
  fails_with 22 ask "--anyauth -u" stranger tree/a.csv
}
check "curl --anyauth: finds the scheme Basic among those that are offered" any_scheme

says() { grep -F -- "$1" reply; }
told() {
  fails_with 22 ask none nobody tree/a.csv >reply
  says "401 Unauthorized: this takes a token"
  fails_with 22 ask -u stranger tree/a.csv >reply
  says "401 Unauthorized: the token is not one of this server"
  fails_with 22 ask -u reader secret.csv >reply
  says '403 Forbidden: this takes the right "read" on "secret.csv"'
  # Without --fail-with-body, the status is on standard error.
  not curl -fsS "$URL/file/tree/a.csv" 2>reply
  says "The requested URL returned error: 401"
}
check "what is missing is said" told

not_sent() {
  local name
  head -c 50000000 /dev/zero >zeros
  log_from_here
  fails_with 22 ask none nobody large -X POST -T zeros >reply
  fails_with 22 ask -u reader large -X POST -T zeros >reply
  fails_with 22 ask -u stranger large -T - <zeros >reply
  wait_for 20 has_log_lines POST large 401 1
  wait_for 20 has_log_lines POST large 403 1
  wait_for 20 has_log_lines PUT large 401 1
  same "in=0 in=0 in=0" "$(awk -v "from=$log_mark" 'NR > from' "$LOG" | grep -oE ' in=[0-9]+' | xargs)"
  absent closed/large
}
check "an upload that is not allowed is not sent" not_sent

followed() {
  local way
  for way in "-H @FILE" -u --netrc-file --oauth2-bearer; do
    log_from_here
    ask "$way" reader tree -L -H 'Accept: text/html' >reply
    says '<a href="a.csv"'
    wait_for 20 has_log_lines GET tree 302 1
    wait_for 20 has_log_lines GET tree 200 1
  done
}
check "curl -L: the token goes along to the page of a folder" followed

resumed() {
  head -c 1000 closed/tree/a.csv >got
  ask -u reader tree/a.csv -C - -o got
  cmp got closed/tree/a.csv
}
check "curl -C -: a download is resumed with the token" resumed

no_token() { not grep -F -f tokens/writer -f tokens/reader -f tokens/stranger "$LOG"; }
check "no token is in the log" no_token

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
works_with curl "$version" "tokens by \`-H @FILE\`, \`--netrc-file\`, \`--config FILE\`, \`-u\`, \`--anyauth\`, \`--oauth2-bearer\` and in the address; what is not allowed is an error at once, and not sent"
finish
