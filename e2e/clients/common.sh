# shellcheck shell=bash
# What the functions set in capitals is for the scripts that source this file.
# shellcheck disable=SC2034
# What the scripts for single clients share, besides scripts/lib.sh: where the clients come from,
# the proxy that breaks connections, the server's log, and the line of the table that a client gets.
# It is sourced, never run.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

clients=$root/e2e/clients
# What is installed is kept here from run to run.
installed=$target/clients

# A proxy, a netrc or settings of the caller's would stand between a client and the server. What
# installs keeps them.
callers_home=$HOME
export HOME=$work no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
unset XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME NETRC WGETRC

# --- where clients come from ---------------------------------------------------------------------

# cannot_be_had REASON: ends the script the way its caller knows for "skipped".
cannot_be_had() {
  echo "$1"
  exit 77
}

# tried COMMAND...: up to three times, since a registry that is down for a moment must not decide;
# shows the end of what it said last if it fails for good.
tried() {
  local try
  for try in 1 2 3; do
    if "$@" >"$work/installing" 2>&1 </dev/null; then return 0; fi
    ((try == 3)) || sleep $((try * 5))
  done
  tail -n 5 "$work/installing"
  return 1
}

# Two runs must not install into one folder at once.
installing() {
  mkdir -p "$installed"
  (
    flock 9
    "$@"
  ) 9>"$installed/lock"
}

# unpacked PACKAGE PROGRAM: Debian's package and what it needs, as files in a folder of their own.
# The system is left as it is.
unpacked() {
  local package=$1 program=$2 folder=$installed/debian/$1 deb file
  if "$folder/$program" --version >/dev/null 2>&1; then return 0; fi
  rm -rf -- "$folder" "$folder.new"
  mkdir -p "$folder.new/archives/partial" "$folder.new/root"
  apt-get update -qq || return 1
  apt-get install -y -qq --no-install-recommends --download-only -o "Dir::Cache::archives=$folder.new/archives" \
    -o APT::Sandbox::User=root "$package" || return 1
  for deb in "$folder.new"/archives/*.deb; do dpkg-deb -x "$deb" "$folder.new/root" || return 1; done
  rm -rf -- "$folder.new/archives"
  file=root/usr/bin/$program
  # The libraries are not where the system looks for them.
  cat >"$folder.new/$program" <<'WRAPPER'
#!/bin/sh
here=$(dirname -- "$0")
for libraries in "$here"/root/usr/lib/*-linux-gnu* "$here"/root/lib/*-linux-gnu*; do
  [ ! -d "$libraries" ] || LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
WRAPPER
  # shellcheck disable=SC2016 # for the wrapper to expand
  printf 'exec "$here/%s" "$@"\n' "$file" >>"$folder.new/$program"
  chmod 755 "$folder.new/$program"
  mv -- "$folder.new" "$folder"
  "$folder/$program" --version
}

# need_program PROGRAM PACKAGE: it is on the PATH afterwards, or the script ends as skipped.
need_program() {
  command -v "$1" >/dev/null && return
  { ((EUID == 0)) && command -v apt-get && command -v dpkg-deb; } >/dev/null ||
    cannot_be_had "there is no $1, and it cannot be installed here"
  tried installing unpacked "$2" "$1" || cannot_be_had "Debian's package $2 cannot be had"
  PATH=$PATH:$installed/debian/$2
}

# The interpreter itself: what is on the PATH may be a shim that needs the caller's HOME.
python=$(HOME=$callers_home python3 -c 'import sys; print(sys.executable)' 2>/dev/null) || python=
need_python() { [[ -n $python ]] || cannot_be_had "there is no python3"; }

# The packages of requirements.txt in an environment of their own.
python_environment() {
  local folder=$installed/python
  if cmp -s "$clients/requirements.txt" "$folder/requirements.txt" && "$folder/bin/python" -c '' 2>/dev/null; then
    return 0
  fi
  rm -rf -- "$folder"
  "$python" -m venv "$folder" || return 1
  HOME=$callers_home "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
    --only-binary :all: --requirement "$clients/requirements.txt" || return 1
  # Last, so that an environment that is not whole is made again.
  cp "$clients/requirements.txt" "$folder/requirements.txt"
}
need_python_packages() {
  need_python
  tried installing python_environment || cannot_be_had "the Python packages of e2e/clients/requirements.txt cannot be had"
  python=$installed/python/bin/python
}

# --- connections that break ----------------------------------------------------------------------

proxies=0

# start_proxy: passes connections on to the server at URL; see cut.py. Sets PROXY, its address.
start_proxy() {
  local process
  proxies=$((proxies + 1))
  proxy_folder=$work/proxy-$proxies
  mkdir "$proxy_folder"
  : >"$proxy_folder/out"
  "$python" -I "$clients/cut.py" "${URL#http://}" "$proxy_folder" >"$proxy_folder/out" 2>"$proxy_folder/errors" </dev/null &
  process=$!
  wait_for 20 proxy_listens "$process" || {
    cat "$proxy_folder/errors" >&2
    exit 1
  }
  PROXY=$(sed -n 's/^listening on //p' "$proxy_folder/out")
}
proxy_listens() {
  grep -q '^listening on ' "$proxy_folder/out" || { not gone "$1" && return 1; }
}

# order WORDS...: what becomes of the next connection. What was ordered before and not used is
# forgotten.
order() {
  rm -f "$proxy_folder/events"
  printf '%s\n' "$*" >"$proxy_folder/orders"
}
orders() {
  rm -f "$proxy_folder/events"
  printf '%s\n' "$@" >"$proxy_folder/orders"
}
# ordered_is_done COUNT: so many orders, or more, have been carried out.
carried_out() { if [[ -e $proxy_folder/events ]]; then wc -l <"$proxy_folder/events"; else echo 0; fi; }
ordered_is_done() { (($(carried_out) >= $1)); }

# --- the server's log ----------------------------------------------------------------------------

# One line stands in the log for each request when it has ended, which a client may learn a moment
# earlier.

# log_from_here: what is looked for below comes after this.
log_from_here() { log_mark=$(wc -l <"$LOG"); }
log_mark=0
# log_lines METHOD NAME STATUS
log_lines() {
  awk -v "from=$log_mark" -v "what=method=$1 name=\"$2\" status=$3 " 'NR > from && / request / && index($0, what)' "$LOG"
}
# has_log_lines METHOD NAME STATUS COUNT: at least so many.
has_log_lines() { (($(log_lines "$1" "$2" "$3" | wc -l) >= $4)); }

# sent METHOD NAME STATUS: the bytes of content of each such reply, one a line.
sent() { log_lines "$1" "$2" "$3" | sed -E 's/.* out=([0-9]+) .*/\1/'; }
# sent_exactly METHOD NAME STATUS BYTES: there is, or soon will be, a reply of that many bytes.
sent_exactly() { wait_for 20 has_sent "$@"; }
has_sent() { sent "$1" "$2" "$3" | awk -v "bytes=$4" '$0 == bytes { found = 1 } END { exit !found }'; }

# --- tokens --------------------------------------------------------------------------------------

# start_closed_server: one that asks for tokens, on the folder $work/closed. Of each NAME, the token
# is in $work/tokens/NAME, and as a line of a head in NAME.header and for a .netrc in NAME.netrc:
# writer, who may do everything with files; reader, who may read tree; stranger, whose token is none
# of this server's.
start_closed_server() {
  local tokens=$work/tokens name
  mkdir -p "$tokens" "$work/closed/tree/deep/er"
  for name in a.csv deep/b.csv deep/er/c.csv; do seq 20000 >"$work/closed/tree/$name"; done
  cp "$work/closed/tree/a.csv" "$work/closed/secret.csv"
  "$http_nas" token writer read,write,append,delete:/ >"$tokens/writer" 2>"$tokens/writer.json"
  "$http_nas" token reader read:tree >"$tokens/reader" 2>"$tokens/reader.json"
  "$http_nas" token stranger read:/ >"$tokens/stranger" 2>"$tokens/stranger.json"
  printf '{"tokens": [%s, %s]}\n' "$(cat "$tokens/writer.json")" "$(cat "$tokens/reader.json")" >"$tokens/access.json"
  for name in writer reader stranger; do
    printf 'Authorization: Bearer %s\n' "$(token_of "$name")" >"$tokens/$name.header"
    printf 'machine 127.0.0.1 login %s password %s\n' "$name" "$(token_of "$name")" >"$tokens/$name.netrc"
  done
  start_server "$work/closed" --access "$tokens/access.json"
}
token_of() { cat "$work/tokens/$1"; }
# address_of NAME: the server's, with the token in it.
address_of() { echo "http://$1:$(token_of "$1")@${URL#http://}"; }
# refused_once METHOD NAME STATUS COMMAND...: it fails within 20 seconds, and asks for that once:
# what is not allowed is not tried again. For use inside a check.
refused_once() {
  local method=$1 name=$2 status=$3 process
  shift 3
  log_from_here
  "$@" &
  process=$!
  ends_with_check "$process"
  ended "$process"
  [[ $CODE != 0 && $CODE != none ]]
  wait_for 20 has_log_lines "$method" "$name" "$status" 1
  same 1 "$(log_lines "$method" "$name" "$status" | wc -l)"
}

# --- clients in the background -------------------------------------------------------------------

# ends_with_check PROCESS: a check that fails must not leave its client behind. For use inside a
# check.
ends_with_check() {
  # shellcheck disable=SC2064 # the process that it is now
  trap "kill -KILL $1 2>/dev/null || true" EXIT
}

# --- bytes ---------------------------------------------------------------------------------------

size_of() { stat -c %s "$1"; }
size_at_least() { [[ -e $1 ]] && (($(size_of "$1") >= $2)); }
# random_text FILE SIZE: bytes that repeat nowhere, and that can be shown where a check fails.
random_text() { base64 -w 63 /dev/urandom | head -c "$2" >"$1" || (($? == 141)); }
# piece FILE FIRST LENGTH
piece() { tail -c "+$(($2 + 1))" "$1" | head -c "$3" || [[ $? == 141 ]]; }
# header NAME: its value in the headers that were read from standard input.
header() { tr -d '\r' | sed -n "s/^$1: //Ip"; }

# below LIMIT: a number from 0 on, the same for the same seed.
below() { BELOW=$(((RANDOM << 30 ^ RANDOM << 15 ^ RANDOM) % $1)); }
seed=${SEED:-20261122}
RANDOM=$seed

# --- the table -----------------------------------------------------------------------------------

# works_with CLIENT VERSION WHAT: the client's row, for the table that e2e/clients/run prints. There
# is none for a client of which a check has failed.
works_with() {
  ((failed == 0)) || return 0
  printf '| %s | %s | %s |\n' "$1" "$2" "$3" >>"${CLIENT_ROWS:-/dev/null}"
}

need_server_binary
