# shellcheck shell=bash
# Debian's packages, for the scripts that need some. It is sourced, and needs nothing else.

# install_packages PACKAGE...: from Debian's mirror, which may be down for a moment. Fails where
# this is not root, or there is no apt-get.
install_packages() {
  local try said
  ((EUID == 0)) && command -v apt-get >/dev/null || return 1
  for try in 1 2 3; do
    # One script at a time: apt-get fails where another one is at work.
    said=$(DEBIAN_FRONTEND=noninteractive flock /var/lib/dpkg sh -c \
      'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' sh "$@" 2>&1 </dev/null) &&
      return
    ((try == 3)) || sleep $((try * 5))
  done
  tail -n 5 <<<"$said"
  return 1
}
