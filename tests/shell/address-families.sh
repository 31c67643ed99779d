#!/usr/bin/env bash
# What `--host ::`, which the image has, and `--host localhost` come to where there is no IPv6,
# where there is nothing but IPv6, and where bindv6only is set: in a network of its own, which ends
# with this script. A kernel without IPv6 is made by strace.

# shellcheck source-path=SCRIPTDIR source=../../scripts/own-network.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/own-network.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

if [[ -z ${OWN_NETWORK-} ]]; then
  skip "networks without IPv6, with IPv6 only, and with bindv6only" "no network can be made here (needs ip, and root or user namespaces)"
  finish
fi

# set_net NAME VALUE: a setting below net.ipv6.
set_net() { echo "$2" >"/proc/sys/net/ipv6/$1"; }
port() { head -n 1 <<<"$URL" | sed 's/.*://'; }
# at ADDRESS: the server answers there.
at() { same OK "$(curl -sS -f --max-time 10 "http://$1:$(port)/file")"; }
refused_at() { not curl -sS -f --max-time 10 -o /dev/null "http://$1:$(port)/file"; }
well() { "$http_nas" health --write --host "$1" --port "$(port)"; }
logged() { grep -qF -- "$1" "$LOG"; }
stop() { signal TERM "$PID"; }

ip link set lo up
ip addr add 192.0.2.1/32 dev lo

# --- both families -------------------------------------------------------------------------------

if [[ ! -d /proc/sys/net/ipv6 ]]; then
  skip "both families, and IPv6 only" "this kernel has no IPv6"
else
  for only in 0 1; do
    set_net bindv6only "$only"
    start_server "$work/storage" --host ::
    check "bindv6only=$only: :: is reached by IPv6" at '[::1]'
    check "bindv6only=$only: and by IPv4" at 192.0.2.1
    check "bindv6only=$only: its client is logged as one of IPv4" wait_for 10 logged client=192.0.2.1:
    check "bindv6only=$only: health finds it" well ::
    stop
    start_server "$work/storage" --host localhost
    check "bindv6only=$only: localhost is reached by IPv6" at '[::1]'
    check "bindv6only=$only: and by IPv4" at 127.0.0.1
    check "bindv6only=$only: and not from elsewhere" refused_at 192.0.2.1
    check "bindv6only=$only: health finds it" well localhost
    stop
  done
  set_net bindv6only 0
fi

# --- IPv6 only -----------------------------------------------------------------------------------

other=
release() { [[ -z $other ]] || kill "$other" 2>/dev/null || true; }
# Another namespace as another machine, with nothing but IPv6 between them.
beside() { nsenter -t "$other" -n -- "$@"; }
connect_other() {
  unshare -n sleep 600 & # it keeps the namespace, and is not waited for
  other=$!
  wait_for 10 differs
  ip link add near type veth peer name far netns "$other"
  ip link set near up
  ip addr add fd00::1/64 dev near nodad
  beside ip link set far up
  beside ip addr add fd00::2/64 dev far nodad
}
differs() { [[ $(readlink "/proc/$other/ns/net") != $(readlink /proc/self/ns/net) ]]; }
from_other() { same OK "$(beside curl -sS -f --max-time 10 "http://[fd00::1]:$(port)/file")"; }
# By a name that has an address of IPv6 alone, as the service of a cluster has: in a file of hosts
# of its own.
health_by_name() {
  echo "fd00::1 http-nas.test" >"$work/hosts"
  beside unshare -m sh -c 'mount --bind "$1" /etc/hosts && exec "$2" health --write --host http-nas.test --port "$3"' \
    sh "$work/hosts" "$http_nas" "$(port)"
}
health_from_other() { beside "$http_nas" health --write --host fd00::1 --port "$(port)"; }

if [[ -d /proc/sys/net/ipv6 ]]; then
  ip addr del 192.0.2.1/32 dev lo
  if connect_other 2>"$work/network"; then
    start_server "$work/storage" --host ::
    check "IPv6 only: reached from another machine" wait_for 10 from_other
    check "IPv6 only: health from there" health_from_other
    check "IPv6 only: and by a name, as helm test asks" health_by_name
    check "IPv6 only: its client is logged" wait_for 10 logged 'client=[fd00::2]:'
    check "IPv6 only: health here" well ::
    stop
    ip addr del 127.0.0.1/8 dev lo
    start_server "$work/storage" --host ::
    check "no address of IPv4 at all: reached from another machine" wait_for 10 from_other
    check "no address of IPv4 at all: health here" well ::
    stop
    start_server "$work/storage" --host localhost
    check "no address of IPv4 at all: localhost is ::1" at '[::1]'
    check "no address of IPv4 at all: health finds it" well localhost
    stop
    ip addr add 127.0.0.1/8 dev lo
  else
    skip "IPv6 only" "two networks cannot be connected here: $(tail -n 1 "$work/network")"
  fi
  release
  ip addr add 192.0.2.1/32 dev lo
fi

# --- no IPv6 -------------------------------------------------------------------------------------

without_ipv6() {
  check "$1: :: is reached by IPv4" at 192.0.2.1
  check "$1: its client is logged as one of IPv4" wait_for 10 logged client=192.0.2.1:
  check "$1: health finds it" well ::
  stop
}
if [[ -d /proc/sys/net/ipv6 ]]; then
  for where in all default lo; do set_net "conf/$where/disable_ipv6" 1; done
fi
start_server "$work/storage" --host ::
without_ipv6 "IPv6 disabled"
start_server "$work/storage" --host localhost
check "IPv6 disabled: localhost is 127.0.0.1" at 127.0.0.1
check "IPv6 disabled: and that alone is said" same "http://127.0.0.1:$(port)" "$URL"
check "IPv6 disabled: health finds it" well localhost
stop

# without SOCKETS COMMAND...: its calls of socket(2) with these numbers say that there is no such
# family.
without() {
  local sockets=$1 binary=$2
  printf '#!/bin/sh\nexec strace -D -f -qq --seccomp-bpf -e signal=none -e trace=socket -e inject=socket:error=EAFNOSUPPORT:when=%s -o %q %q "$@"\n' \
    "$sockets" /dev/null "$binary" >"$work/without-ipv6"
  chmod +x "$work/without-ipv6"
}
if strace -o /dev/null true 2>/dev/null; then
  real=$http_nas
  without 1 "$real"
  http_nas=$work/without-ipv6 start_server "$work/storage" --host ::
  check "no IPv6 in the kernel: the log says so" logged 'there is no IPv6 here (Address family not supported by protocol (os error 97)): listening on 0.0.0.0 in place of ::'
  check "no IPv6 in the kernel: the address is that of IPv4" same "http://0.0.0.0:$(port)" "$URL"
  without_ipv6 "no IPv6 in the kernel"
  without 2 "$real"
  http_nas=$work/without-ipv6 start_server "$work/storage" --host localhost
  check "no IPv6 in the kernel: localhost is 127.0.0.1" at 127.0.0.1
  without 1 "$real"
  asked() { "$work/without-ipv6" health --host "$1" --port "$(port)"; }
  check "no IPv6 in the kernel: health of :: asks 127.0.0.1" asked ::
  stop
else
  skip "no IPv6 in the kernel" "there is no strace, or it may not trace"
fi
finish
