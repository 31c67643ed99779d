#!/usr/bin/env bash
# What the system refuses for a while, at the calls that can say so (strace injects it): descriptors, memory and buffers
# at accept4 and openat, and interrupted calls. The server lives, tells no one else than the request that was hit, and
# serves afterwards.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
trace=$work/trace
mkdir "$storage"
random_file "$work/body" 300000
random_file "$work/other" 300000
cp "$work/body" "$storage/kept"

can_trace() {
  command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null && (inject accept4 EINTR 60000 && withdraw)
}

# Whether each thread of the server is traced.
is_traced() {
  gone "$TRACER" || not grep -q '^TracerPid:.0$' /proc/"$PID"/task/*/status
}

# inject CALLS ERROR [WHEN]: from now on these system calls of the server fail, all of them or those that WHEN says.
inject() {
  : >"$trace"
  strace -f -qq -o "$trace" -e "trace=$1" -e signal=none -e "inject=$1:error=$2${3+:when=$3}" -p "$PID" 2>"$work/strace.err" &
  TRACER=$!
  # Each check is a shell of its own, and the next one is not to meet with the faults of one that has failed.
  trap 'kill "$TRACER" 2>/dev/null || true' EXIT
  wait_for 20 is_traced
  not gone "$TRACER"
}
withdraw() {
  kill "$TRACER"
  ended "$TRACER"
}
injected() { grep -c ' (INJECTED)$' "$trace" || true; }

# Connections that wait for a request, and that a server may close to make room. It has accepted all of them.
idle() {
  local number connection
  for ((number = 0; number < 64; number++)); do
    # shellcheck disable=SC2034 # it is to stay open
    exec {connection}<>"/dev/tcp/127.0.0.1/${URL##*:}"
  done
  answered 1
}

# answered COUNT: so many requests, each on a connection of its own, and each is answered as ever.
answered() {
  local number
  for ((number = 0; number < $1; number++)); do
    status 200 --max-time 20 "$URL/file/kept"
    cmp "$work/reply" "$work/body"
  done
}

# One of them in five is hit: the connection waits for the next try.
accepts_in_spite() {
  idle
  inject accept4 "$1" 2+5
  answered 20
  withdraw
  (($(injected) > 0))
  answered 1
}

# All of them are, for as long as it lasts: the server does not spin, and goes on afterwards.
accepts_after() {
  local client hits
  idle
  inject accept4 "$1"
  curl -sS -f -o "$work/waited" --max-time 20 "$URL/file/kept" &
  client=$!
  wait_for 20 hit_often
  sleep 1 # how long it lasts
  hits=$(injected)
  withdraw
  echo "failed calls: $hits"
  ((hits < 1000))
  wait "$client"
  cmp "$work/waited" "$work/body"
  answered 1
}
hit_often() { (($(injected) >= 2)); }

# hit_or_served CURL-ARGUMENT...: the request is carried out, or refused as the server's affair.
hit_or_served() {
  local got
  got=$(curl -sS -o "$work/reply" -w '%{http_code}' --max-time 20 "$@")
  case $got in
    200) ;;
    500 | 503 | 507) refused=$((refused + 1)) ;;
    *)
      echo "status $got for: curl $*"
      return 1
      ;;
  esac
}
is_either() { cmp -s "$storage/$1" "$work/body" || cmp "$storage/$1" "$work/other"; }

opens_in_spite() {
  local number refused=0 body
  cp "$work/body" "$storage/written"
  inject openat,openat2 "$1" 2+3
  for ((number = 0; number < 10; number++)); do
    body=$work/body
    ((number % 2)) || body=$work/other
    hit_or_served -X POST -T "$body" "$URL/file/written"
    is_either written
    hit_or_served "$URL/file/kept"
    hit_or_served "$URL/file/"
    hit_or_served "$URL/file/kept/sha256"
  done
  withdraw
  echo "refused: $refused; failed calls: $(injected)"
  (($(injected) > 0))
  answered 1
  status 200 -X POST -T "$work/body" "$URL/file/written"
  no_litter "$storage"
}

# interrupted CALL...: each of them now and then, and nobody is told.
interrupted() {
  local calls number
  calls=$(IFS=, && echo "$*")
  printf '' >"$storage/appended"
  : >"$work/appended"
  inject "$calls" EINTR 2+3
  for ((number = 0; number < 10; number++)); do
    status 200 -X POST -T "$work/other" "$URL/file/interrupted"
    cmp "$storage/interrupted" "$work/other"
    status 200 -X POST -H 'Transfer-Encoding: chunked' -T "$work/body" "$URL/file/interrupted"
    cmp "$storage/interrupted" "$work/body"
    status 200 -X PUT --data-raw "line $number" "$URL/file/appended"
    printf 'line %s' "$number" >>"$work/appended"
    answered 1
    status 200 "$URL/file/"
    status 200 "$URL/file/kept/sha256"
    status 200 -X DELETE "$URL/file/interrupted"
  done
  withdraw
  echo "failed calls: $(injected)"
  (($(injected) > 0))
  cmp "$storage/appended" "$work/appended"
  answered 1
}

start_server "$storage"
if can_trace; then
  for error in EMFILE ENFILE ENOMEM ENOBUFS ECONNABORTED EINTR; do
    check "accept4 gives $error now and then" accepts_in_spite "$error"
  done
  for error in EMFILE ENFILE ENOMEM ENOBUFS; do
    check "accept4 gives nothing but $error for a while" accepts_after "$error"
  done
  for error in EMFILE ENFILE ENOMEM; do
    check "openat gives $error now and then" opens_in_spite "$error"
  done
  check "calls on sockets are interrupted" interrupted accept4 recvfrom recvmsg sendto sendmsg sendfile splice
  check "calls that wait are interrupted" interrupted poll ppoll epoll_wait epoll_pwait epoll_pwait2
  check "reading and writing is interrupted" interrupted read write pread64 pwrite64
else
  skip "errors of system calls" "strace is not there or may not trace"
fi
signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
finish
