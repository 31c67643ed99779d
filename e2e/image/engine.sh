# shellcheck shell=bash
# $work comes from lib.sh.
# shellcheck disable=SC2154
# A Docker Engine for a test: one of its own, started by hand in temporary folders, so that images
# and containers of one that runs already stay as they are. It has no bridge and leaves the packet
# filter alone; containers run with --network host or none. Sourced after lib.sh.

# shellcheck source-path=SCRIPTDIR source=../../scripts/packages.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/packages.sh"

# The path of a socket may have 107 bytes, for which a long TMPDIR leaves no room.
engine=$(mktemp -d /tmp/http-nas-engine.XXXXXX)
# Processes that a script has started by setsid, which end with all their children when the script
# does.
sessions=()

engine_answers() { docker version >/dev/null 2>&1; }
engine_answers_or_ended() { engine_answers || { [[ -s $engine/pid ]] && gone "$(<"$engine/pid")"; }; }

# start_engine: `docker` reaches the engine when this returns. Where there can be none, it says why
# and fails.
start_engine() {
  local command package driver
  ((EUID == 0)) || {
    echo "only root can start an engine"
    return 1
  }
  # Later Debians have the client in a package of its own.
  for package in dockerd:docker.io docker:docker-cli; do
    command=${package%:*}
    command -v "$command" >/dev/null || install_packages "${package#*:}" || {
      echo "there is no $command, and it cannot be installed here"
      return 1
    }
  done
  export DOCKER_HOST=unix://$engine/docker.sock
  unset DOCKER_CONTEXT DOCKER_TLS_VERIFY
  # overlayfs does not lie on every file system.
  for driver in overlay2 vfs; do
    # In a session of its own: what stops this script must not stop the engine before its
    # containers.
    setsid dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver="$driver" --data-root="$work/engine" \
      --exec-root="$engine/run" --pidfile="$engine/docker.pid" --host="$DOCKER_HOST" >"$work/engine-$driver.log" 2>&1 </dev/null &
    echo "$!" >"$engine/pid"
    disown
    wait_for 60 engine_answers_or_ended || true
    if engine_answers; then
      docker version --format 'Docker Engine {{.Server.Version}}'
      return 0
    fi
    stop_engine
  done
  echo "dockerd does not start here: $(tail -n 1 "$work/engine-vfs.log" | cut -c 1-300)"
  return 1
}

stop_engine() {
  local process
  [[ -s $engine/pid ]] || return 0
  process=$(<"$engine/pid")
  docker ps -aq 2>/dev/null | xargs -r docker rm -f -v >/dev/null 2>&1 || true
  kill "$process" 2>/dev/null || true
  wait_for 30 gone "$process" || kill -KILL "$process" || true
  # A dockerd that was killed leaves it behind.
  if [[ -s $engine/run/containerd/containerd.pid ]]; then
    kill "$(<"$engine/run/containerd/containerd.pid")" 2>/dev/null || true
  fi
  rm -f "$engine/pid"
}

# lib.sh calls this at the end.
release() {
  local session mounted
  for session in "${sessions[@]}"; do kill -KILL -- "-$session" 2>/dev/null || true; done
  stop_engine
  # What was stopped in the middle may have left mounts.
  while read -r mounted; do
    umount -l "$mounted" 2>/dev/null || true
  done < <(awk -v work="$work/" -v engine="$engine/" 'index($2, work) == 1 || index($2, engine) == 1 { print $2 }' /proc/mounts)
  rm -rf -- "$engine"
}

# container_state NAME FIELD: of what docker inspect calls State.
container_state() { docker inspect -f "{{.State.$2}}" "$1"; }
container_log_says() { grep -qF -- "$2" <<<"$(docker logs "$1" 2>&1)"; }
