# shellcheck shell=bash disable=SC2154
# A PostgreSQL of the script's own, in a temporary folder, reached by a socket in that folder alone.
# It is sourced, after lib.sh. A script that starts one defines `release`, which calls stop_postgres
# and remove_postgres.

# shellcheck source-path=SCRIPTDIR source=../../scripts/packages.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/packages.sh"

# Debian keeps the server's programs off the PATH, in a folder for each version.
find_programs() {
  local folder
  folder=$(find /usr/lib/postgresql -maxdepth 3 -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
  [[ -n $folder ]] || folder=$(command -v initdb) || return 1
  programs=$(dirname "$folder")
}

# The package would create a cluster of its own and start it: this setting, its own, prevents that.
install_postgres() {
  local settings=/etc/postgresql-common/createcluster.conf
  ((EUID == 0)) || return 1
  if [[ ! -e $settings ]]; then
    mkdir -p "${settings%/*}"
    echo 'create_main_cluster = false' >"$settings"
  fi
  install_packages postgresql
}

# need_postgres: its programs are on the PATH afterwards, or the script ends as skipped; and
# $cluster is the folder for it.
need_postgres() {
  find_programs || { install_postgres && find_programs; } || {
    echo "there is no PostgreSQL server, and it cannot be installed here"
    exit 77
  }
  PATH=$programs:$PATH
  # The rest of the environment says which database the caller means; these programs must see only
  # this one.
  unset "${!PG@}"
  cd / # a folder that every user may be in
  # A socket's path may have 107 bytes, for which a long TMPDIR leaves no room; and the user
  # postgres has to get there.
  cluster=$work/cluster
  chmod 711 "$work"
  if ((${#cluster} > 80)) || ! owner test -x "$work"; then
    short=$(mktemp -d /tmp/http-nas-pg.XXXXXX)
    chmod 711 "$short"
    cluster=$short/cluster
  fi
}

# initdb and postgres refuse to run as root.
owner() {
  if ((EUID == 0)); then runuser -u postgres -- "$@"; else "$@"; fi
}

start_postgres() {
  mkdir "$cluster"
  ((EUID != 0)) || chown postgres: "$cluster"
  owner initdb -D "$cluster" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$work/initdb.log"
  # Nothing here has to survive a power cut, and a quarter of the time goes into making sure that it
  # would.
  owner tee -a "$cluster/postgresql.conf" >/dev/null <<SETTINGS
listen_addresses = ''
unix_socket_directories = '$cluster'
unix_socket_permissions = 0700
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 1h
autovacuum = off
maintenance_work_mem = 128MB
max_connections = 60
SETTINGS
  owner pg_ctl -D "$cluster" -l "$cluster/log" -w -t 60 start >/dev/null || {
    cat "$cluster/log"
    exit 1
  }
  export PGHOST=$cluster PGUSER=postgres PGCONNECT_TIMEOUT=20
}

stop_postgres() {
  [[ ! -e $cluster/postmaster.pid ]] || owner "$programs/pg_ctl" -D "$cluster" -m immediate -w stop >/dev/null
}
remove_postgres() { rm -rf -- "${short-$cluster}"; }

ask() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
