#!/usr/bin/env bash
# Many uploads at once where the server may open few files (RLIMIT_NOFILE).
#
# symptom: with 200 descriptors and 50 uploads under way, health said 500 and uploads were refused.
# cause:   each upload of a declared length took a pipe, two descriptors that the limits did not
#          count.
# fix:     there are a few pipes, and the limits count them.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

uploads=50
length=300000
storage=$work/storage
ulimit -n 200
start_server "$storage"
port=${URL##*:}

connections=()
for ((number = 0; number < uploads; number++)); do
  exec {connection}<>"/dev/tcp/127.0.0.1/$port"
  connections+=("$connection")
  printf 'POST /file/%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n' "$number" "$length" >&"$connection"
  head -c 1000 /dev/zero >&"$connection"
done
are_staged() { (($(find "$storage/.http-nas/staged" -type f | wc -l) == uploads)); }
wait_for 20 are_staged
check "all uploads are under way" are_staged
check "health" status 200 "$URL/file"
check "another upload" status 200 -X POST --data-binary "@$root/README.md" "$URL/file/other"
check "a large one" status 200 -X POST -T "$http_nas" "$URL/file/large"
check "it is whole" cmp "$http_nas" "$storage/large"
for connection in "${connections[@]}"; do
  head -c $((length - 1000)) /dev/zero >&"$connection"
done
replies() {
  local connection line count=0
  for connection in "${connections[@]}"; do
    IFS= read -r -t 20 line <&"$connection" || true
    [[ $line != 'HTTP/1.1 200 '* ]] || count=$((count + 1))
  done
  same "$uploads" "$count"
}
check "all uploads end well" replies
signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
finish
