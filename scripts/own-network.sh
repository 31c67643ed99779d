# shellcheck shell=bash
# Starts the script that sources it anew in a network namespace of its own, without being root if
# need be: interfaces, addresses and settings of the network end with it. Where that cannot be done,
# OWN_NETWORK stays empty. To be sourced before anything else is done.

if [[ -z ${OWN_NETWORK-} ]]; then
  for how in -n -rn; do
    if command -v ip >/dev/null && unshare "$how" ip link set lo up 2>/dev/null; then
      OWN_NETWORK=yes exec unshare "$how" bash "$0" "$@"
    fi
  done
fi
