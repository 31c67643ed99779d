# shellcheck shell=bash
# What the functions set in capitals is for the scripts that source this file.
# shellcheck disable=SC2034
# What the shell scripts of this repository share: counting checks, waiting for conditions, starting
# servers and uploads, and removing all of it at the end. It is sourced, never run, and starts
# nothing by itself but a working folder.
#
# After sourcing, $root is the repository and $work a folder of the script's own.

set -euo pipefail
shopt -s inherit_errexit

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." >/dev/null && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/http-nas-test.XXXXXX")

# One target folder whatever folder a script is in; a relative one means what it means to the
# caller's cargo.
target=${CARGO_TARGET_DIR:-$root/target}
[[ $target == /* ]] || target=$PWD/$target
export CARGO_TARGET_DIR=$target
http_nas=${HTTP_NAS:-$target/release/http-nas}
[[ $http_nas == /* ]] || http_nas=$PWD/$http_nas

# The caller's settings for a server of their own must not reach the servers under test.
unset ACCESS LISTEN PORT HOST ALLOWED_HOSTS ALLOW_ORIGIN TRUSTED_PROXIES STORAGE_PATH MAX_TRANSFERS MAX_CONNECTIONS IDLE_TIMEOUT KEEP_ALIVE_TIMEOUT MAX_UPLOAD_SIZE MIN_FREE_SPACE MIN_RATE \
  SHUTDOWN_TIMEOUT SYNC LOG_FORMAT RUST_LOG CREATE_PARENTS
for name in $(compgen -e HTTP_NAS_); do unset "$name"; done

# Every curl below reads this file instead of the caller's ~/.curlrc: a proxy would stand between
# the test and the server, and a request that hangs has to end as a failure.
export CURL_HOME=$work
printf '%s\n' 'noproxy = "*"' 'max-time = 180' >"$work/.curlrc"

# --- the end ---------------------------------------------------------------------------------------------

# What the servers logged, for whoever reads about a failure.
show_logs() {
  local log
  for log in "$work"/server-*.log; do
    [[ -s $log ]] || continue
    echo "the end of $(basename "$log"):"
    grep -vE ' status=200 | INFO transfer ' "$log" | tail -n 25 | cut -c 1-400 | sed 's/^/    /'
  done
}

# A script with more to undo than processes and files defines a function `release`.
clean_up() {
  local code=$? job
  trap '' INT TERM HUP
  ((code == 0 || code == 77)) || show_logs >&2
  for job in $(jobs -p); do
    kill -KILL "$job" 2>/dev/null || true
    wait "$job" 2>/dev/null || true
  done
  if declare -F release >/dev/null; then release || true; fi
  rm -rf -- "$work"
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# Says which command ended a check or a script; where a failure is expected, errexit is off.
set -o errtrace
trap '[[ $- != *e* ]] || echo "stopped at ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND" >&2' ERR

# --- counting --------------------------------------------------------------------------------------------

passed=0
failed=0
skipped=0

# check PROMISE COMMAND...: passes if the command does. What it printed is shown only if it failed.
check() {
  local promise=$1 code
  shift
  # The command gets a shell of its own: inside `if` or `||` bash would go on after a line of it
  # that fails.
  set +e
  (
    set -e
    "$@"
  ) >"$work/check.out" 2>&1 </dev/null
  code=$?
  set -e
  if ((code == 0)); then
    passed=$((passed + 1))
    echo "ok $promise"
  else
    failed=$((failed + 1))
    echo "FAIL $promise (exit code $code)"
    head -c 4000 "$work/check.out" | sed 's/^/    /'
  fi
}

# skip PROMISE REASON
skip() {
  skipped=$((skipped + 1))
  echo "skip $1: $2"
}

closing_line() {
  if ((skipped > 0)); then
    echo "$passed passed, $failed failed, $skipped skipped"
  else
    echo "$passed passed, $failed failed"
  fi
}

# finish: the last command of every script that counts.
finish() {
  closing_line
  exit "$((failed > 0))"
}

# add_counts FILE: adds the closing line of another script's output; fails where there is none.
add_counts() {
  local line
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$1" | tail -n 1) || return 1
  [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]]
  passed=$((passed + BASH_REMATCH[1]))
  failed=$((failed + BASH_REMATCH[2]))
  skipped=$((skipped + ${BASH_REMATCH[4]:-0}))
}

# run_shown NAME COMMAND...: under a headline, with its output both shown and kept in $work/shown.
# Returns the command's exit code.
run_shown() {
  local name=$1 code
  shift
  printf '\n== %s\n' "$name"
  set +e
  "$@" </dev/null 2>&1 | tee "$work/shown"
  code=${PIPESTATUS[0]}
  set -e
  return "$code"
}

# --- asserting, for use inside a check -------------------------------------------------------------------

same() {
  [[ $1 == "$2" ]] || {
    printf 'expected: %s\nfound:    %s\n' "$1" "$2"
    return 1
  }
}

# fails_with CODE COMMAND...: the command ends with exactly this exit code.
fails_with() {
  local expected=$1 code=0
  shift
  "$@" || code=$?
  same "exit code $expected" "exit code $code"
}

# status CODE CURL-ARGUMENT...: the reply has this status, whatever else curl thinks of it.
# The reply's body is in $work/reply afterwards.
status() {
  local expected=$1 got
  shift
  : >"$work/reply"
  got=$(curl -sS -o "$work/reply" -w '%{http_code}' "$@") || echo "curl ended with exit code $?"
  [[ $got == "$expected" ]] || {
    echo "status $got instead of $expected for: curl $*"
    head -c 500 "$work/reply"
    return 1
  }
}

absent() {
  [[ ! -e $1 && ! -L $1 ]] || {
    echo "there is a $1"
    return 1
  }
}

# `!` would do, but bash does not end a function at a line that begins with it.
not() {
  if "$@"; then return 1; fi
}

# wait_for SECONDS COMMAND...: asks again until the command succeeds; fails at the deadline.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    if ((SECONDS >= deadline)); then
      echo "waited in vain for: $*" >&2
      return 1
    fi
    sleep 0.02 # the pause between two questions, so that asking does not take a core
  done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

nothing_staged() { [[ -z $(find "$1/.http-nas" -type f 2>/dev/null) ]]; }

# no_litter STORAGE: no request has left a file in the server's own folder. A server may notice only
# a moment later that a client has gone, hence the deadline.
no_litter() {
  wait_for 15 nothing_staged "$1" || {
    find "$1/.http-nas" -type f -ls
    return 1
  }
}

# encode NAME: every byte of it percent-encoded, the slash too.
encode() { printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g'; }

checksum() { sha256sum "$@" | cut -d ' ' -f 1; }

# random_file FILE SIZE: bytes that repeat nowhere, so that a lost, doubled or swapped piece shows.
random_file() { head -c "$2" /dev/urandom >"$1"; }

# --- servers and uploads ---------------------------------------------------------------------------------

need_server_binary() {
  [[ -x $http_nas ]] || {
    echo "there is no $http_nas: run cargo build --release first, or name one in HTTP_NAS" >&2
    exit 1
  }
}

# as_other_user STORAGE: servers that are started from now on run as user 65534, to whom the storage
# belongs. Fails where no other user can be had. For root, who may do everything.
as_other_user() {
  local user=(setpriv --reuid 65534 --regid 65534 --clear-groups --)
  "${user[@]}" true 2>/dev/null || return 1
  # The folders and the program are to be reached by that user.
  chmod 711 "$work"
  chown 65534:65534 "$1"
  cp "$http_nas" "$work/http-nas"
  printf '#!/bin/sh\nexec %s %q "$@"\n' "${user[*]}" "$work/http-nas" >"$work/as-user"
  chmod 755 "$work/as-user" "$work/http-nas"
  http_nas=$work/as-user
}

servers=0
uploads=0
held=()

# A child must not inherit the pipes that feed held uploads: an upload ends only when the last
# copy of its pipe's writing end is closed.
without_held_pipes() {
  local pipe
  for pipe in "${held[@]}"; do exec {pipe}>&-; done
  exec "$@"
}

listening() {
  grep -q '^listening on http://' "$1" && return
  if gone "$PID"; then
    echo "the server ended before it listened" >&2
    exit 1
  fi
  return 1
}

# start_server STORAGE [FLAG...]: a server on a free port, ready when this returns.
# Sets URL, PID (its process) and LOG (the file with its log).
start_server() {
  local storage=$1 out
  shift
  servers=$((servers + 1))
  out=$work/server-$servers.out
  LOG=$work/server-$servers.log
  : >"$out"
  [[ " $* " == *" --listen "* ]] || set -- --port 0 "$@"
  without_held_pipes "$http_nas" --storage "$storage" "$@" >"$out" 2>"$LOG" </dev/null &
  PID=$!
  wait_for 20 listening "$out" || {
    cat "$LOG" >&2
    exit 1
  }
  URL=$(sed -n 's/^listening on //p' "$out")
}

# Whether there is a strace that may trace.
can_trace() { command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; }

# start_injected STORAGE CALL WHAT [FLAG...]: the same, with something else happening at a system
# call, as strace(1) has it. CALLS is the file in which these calls are.
start_injected() {
  local storage=$1 call=$2 what=$3 program=$http_nas
  shift 3
  CALLS=$work/calls-$((servers + 1))
  printf '#!/bin/sh\nexec strace -D -f -qq --seccomp-bpf -e signal=none -e trace=%s -e inject=%s:%s -o %q %q "$@"\n' \
    "$call" "$call" "$what" "$CALLS" "$program" >"$work/injected"
  chmod +x "$work/injected"
  http_nas=$work/injected
  start_server "$storage" "$@"
  http_nas=$program
}

# signal NAME PROCESS: sends a child a signal and waits as `ended` does. bash would report a child
# that is killed on standard error before its next command: here that is no news, and the two are
# one command.
signal() {
  {
    kill -"$1" "$2"
    ended "$2"
  } 2>/dev/null
}

# ended PROCESS: waits for a child and sets CODE to its exit code, or to "none" if it does not end
# in time.
ended() {
  CODE=none
  {
    if wait_for 20 gone "$1"; then
      CODE=0
      wait "$1" || CODE=$?
    fi
  } 2>/dev/null
}

# hold_upload CURL-ARGUMENT...: a POST that the server is reading when this returns, and that stays
# open. Its body is what is written to descriptor HELD; end_upload ends it. Sets UPLOAD, its
# process.
hold_upload() {
  local pipe trace
  uploads=$((uploads + 1))
  pipe=$work/held-$uploads
  trace=$work/held-$uploads.trace
  mkfifo "$pipe"
  : >"$trace"
  (
    exec <"$pipe"
    without_held_pipes curl -sS -f -v --expect100-timeout 60 -o /dev/null -X POST -T - "$@" 2>"$trace"
  ) &
  UPLOAD=$!
  exec {HELD}>"$pipe"
  held+=("$HELD")
  # The server asks for the body only once nothing but the body is missing.
  wait_for 20 grep -q '^< HTTP/1.1 100' "$trace" || {
    cat "$trace" >&2
    exit 1
  }
}

# end_upload DESCRIPTOR PROCESS: closes the body and sets CODE to curl's exit code.
end_upload() {
  local pipe=$1 others=() one
  exec {pipe}>&-
  for one in "${held[@]}"; do
    [[ $one == "$1" ]] || others+=("$one")
  done
  held=("${others[@]}")
  ended "$2"
}
