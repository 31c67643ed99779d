# shellcheck shell=bash
# Starts the script that sources it anew in a mount namespace of its own, without being root if need
# be: what it mounts ends with it. Where that cannot be done, OWN_MOUNTS stays empty. To be sourced
# before anything else is done.

if [[ -z ${OWN_MOUNTS-} ]]; then
  for how in -m -rm; do
    if unshare "$how" mount -t tmpfs -o size=1m tmpfs /tmp 2>/dev/null; then
      OWN_MOUNTS=yes exec unshare "$how" bash "$0" "$@"
    fi
  done
fi
