#!/usr/bin/env bash
# usage: scripts/e2e-bundle.sh
#
# Builds the bundle, twice and in different folders, and uses all of it without a network: the sources give the same
# program again, the image is loaded by what loads images, and the service is installed, upgraded and removed on a
# Debian of its own with systemd as process 1, under the unit as it is shipped.
#
# What needs an engine, or packages that cannot be had, is skipped by name.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=engine.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/engine.sh"
cd -- "$root"

[[ $# == 0 ]] || {
  sed -n 's/^# usage/usage/p' "${BASH_SOURCE[0]}" >&2
  exit 2
}
for tool in cargo curl git; do
  command -v "$tool" >/dev/null || {
    echo "there is no $tool"
    exit 77
  }
done
# without_network COMMAND...
if unshare -n true 2>/dev/null; then
  without_network() { unshare -n "$@"; }
elif unshare -rn true 2>/dev/null; then
  without_network() { unshare -rn "$@"; }
else
  echo "no network namespace can be made here: what follows has the network, and does not use it"
  without_network() { "$@"; }
fi

# The Debian for later, meanwhile.
debian=
if ((EUID == 0)) && { command -v debootstrap >/dev/null || install_packages debootstrap; } >/dev/null; then
  setsid debootstrap --variant=minbase --include=systemd bookworm "$work/debian" http://deb.debian.org/debian \
    >"$work/debootstrap.log" 2>&1 </dev/null &
  debian=$!
  sessions+=("$debian")
fi

# --- the bundle ------------------------------------------------------------------------------------------

check "scripts/bundle" scripts/bundle
version=$(dist/http-nas --version)
version=${version#http-nas }
name=http-nas-$version-linux-$(uname -m)
[[ -e dist/$name.tar.gz ]] || finish
echo "the bundle has $(stat -c %s "dist/$name.tar.gz") bytes"
tar -xzf "dist/$name.tar.gz" -C "$work"
bundle=$work/$name

has_all() {
  local part
  for part in http-nas install uninstall rebuild README.md LICENSE BUILD-INFO SHA256SUMS LICENSES/CRATES \
    "http-nas-$version-image.tar" "http-nas-$version-source.tar.gz" deploy/systemd/http-nas.service \
    deploy/helm/http-nas/Chart.yaml deploy/kubernetes; do
    echo "there is no $part"
    [[ -e $bundle/$part ]]
  done
}
check "all of it is there" has_all
sums_hold() { (cd "$bundle" && sha256sum -c SHA256SUMS && same "$(find . -type f | wc -l)" "$(($(wc -l <SHA256SUMS) + 1))"); }
check "the checksums hold, and there is one for each file" sums_hold
licensed() {
  local crate _
  (($(wc -l <"$bundle/LICENSES/CRATES") > 10))
  while IFS=: read -r crate _; do
    echo "$crate has no licence"
    [[ -n $(find "$bundle/LICENSES/$crate" -type f -size +100c) ]]
  done <"$bundle/LICENSES/CRATES"
  [[ -s $bundle/LICENSES/rust-standard-library.html ]]
}
check "each crate in the program has its licence" licensed
says_nothing_of_here() {
  local path
  for path in "$root" "$target" "${CARGO_HOME:-$HOME/.cargo}"; do
    not grep -rlaF -- "$path/" "$bundle"
  done
}
check "no path of the machine that built it is in it" says_nothing_of_here

# The same commit, with what has not been committed, in a folder and with a target folder of its own.
built_elsewhere() {
  git clone -q "$root" "$work/else where"
  git ls-files -z | tar --null -T - -cf - | tar -xf - -C "$work/else where"
  (umask 077 && CARGO_TARGET_DIR="$work/target" "$work/else where/scripts/bundle")
  same "$(checksum "dist/$name.tar.gz")" "$(checksum "$work/else where/dist/$name.tar.gz")"
}
check "built in another folder it has the same bytes" built_elsewhere
rm -rf "${work:?}/target" "$work/else where"
rebuilt() { without_network "$bundle/rebuild" && without_network test ! -e "$bundle/target"; }
check "rebuild gives the same program without a network" rebuilt

# --- the unit --------------------------------------------------------------------------------------------

unit=$root/deploy/systemd/http-nas.service
staged=$work/staged
check "install --root into an empty folder" without_network "$bundle/install" --root "$staged"
laid_out() {
  cmp "$bundle/http-nas" "$staged/usr/local/bin/http-nas"
  [[ -x $staged/usr/local/bin/http-nas ]]
  cmp "$unit" "$staged/etc/systemd/system/http-nas.service"
  same 3 "$(find "$staged" -type f | wc -l)"
}
check "has laid out the program, the unit and the settings" laid_out
again() {
  echo 'PORT=3001' >"$staged/etc/http-nas.conf"
  without_network "$bundle/install" --root "$staged"
  same 'PORT=3001' "$(cat "$staged/etc/http-nas.conf")"
}
check "again, it keeps the settings" again
other_prefix() {
  "$bundle/install" --root "$work/prefix" --prefix /opt/nas
  grep -q '^ExecStart=/opt/nas/bin/http-nas$' "$work/prefix/etc/systemd/system/http-nas.service"
  "$work/prefix/opt/nas/bin/http-nas" --version
  "$bundle/uninstall" --root "$work/prefix"
  same "$work/prefix/etc/http-nas.conf" "$(find "$work/prefix" -type f)"
}
check "install --prefix, and uninstall" other_prefix
refused() {
  local code=0 said
  said=$("${@:2}" 2>&1) || code=$?
  echo "$said"
  [[ $code == 1 || $code == 2 ]]
  grep -qF -- "$1" <<<"$said"
  absent "$staged/no"
}
check "a prefix that is no path is refused" refused "has to be an absolute path" "$bundle/install" --root "$staged/no" --prefix 'a b'
check "one that the service cannot see is refused" refused "sees nothing" "$bundle/install" --root "$staged/no" --prefix /home/me
check "a word too many is refused" refused "usage: install" "$bundle/install" surplus
if ((EUID == 0)); then
  chmod 711 "$work"
  check "without being root it is refused" refused "only root" setpriv --reuid 65534 --clear-groups "$bundle/install"
fi
if [[ ! -d /run/systemd/system ]]; then
  check "without systemd it is refused" refused "systemd does not run here" "$bundle/install"
fi
damaged() {
  cp -r "$bundle" "$work/damaged"
  echo >>"$work/damaged/deploy/systemd/http-nas.service"
  refused "the bundle is damaged" "$work/damaged/install" --root "$staged/no"
}
check "a damaged bundle is refused" damaged

if ! command -v systemd-analyze >/dev/null && ! install_packages systemd; then
  for part in "systemd-analyze verify" "systemd-analyze security" "system calls"; do
    skip "$part" "there is no systemd-analyze, and it cannot be installed"
  done
else
  # The unit, but for where the program is: it must be there, and here it is nowhere else.
  verified() {
    mkdir "$work/unit"
    sed "s|^ExecStart=|&$staged|" "$unit" >"$work/unit/http-nas.service"
    systemd-analyze verify --man=no "$work/unit/http-nas.service" >"$work/verify" 2>&1
    same "" "$(grep http-nas "$work/verify" || true)"
  }
  check "systemd-analyze verify has nothing to say" verified
  exposure() { systemd-analyze security --offline=yes --no-pager --threshold=20 "$unit" | tail -n 1; }
  check "systemd-analyze security: exposure at most 2.0" exposure
  exposure

  # The calls of SystemCallFilter=, with the sets in it resolved.
  calls_in() {
    local word
    while read -r word; do
      case $word in
        '' | '#'*) ;;
        @*) calls_in "$word" ;;
        *) echo "$word" ;;
      esac
    done < <(systemd-analyze syscall-filter "$1" | tail -n +2)
  }
  allowed_calls() {
    local line word
    : >"$work/denied"
    {
      calls_in @default
      while read -r line; do
        for word in ${line#\~}; do
          if [[ $line == '~'* ]]; then calls_in "$word" >>"$work/denied"; else calls_in "$word"; fi
        done
      done < <(sed -n 's/^SystemCallFilter=//p' "$unit")
    } | sort -u | comm -23 - <(sort -u "$work/denied")
  }
  used_calls() {
    local file
    printf '#!/bin/sh\nexec strace -D -f -qq -e signal=none -o %q.$$ %q "$@"\n' "$work/trace" "$bundle/http-nas" >"$work/traced"
    chmod +x "$work/traced"
    for file in original errors folders names head expect shutdown two-servers full-disk; do
      HTTP_NAS=$work/traced timeout -k 10 600 bash "tests/curl/$file.sh" >"$work/shown" 2>&1 </dev/null || {
        cat "$work/shown" >&2
        return 1
      }
    done
    sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$work"/trace.* | sort -u
  }
  suffices() {
    used_calls >"$work/used"
    (($(wc -l <"$work/used") > 40))
    allowed_calls >"$work/allowed"
    (($(wc -l <"$work/allowed") > 100))
    # A program that is started from outside the filter makes this one call before it.
    same "" "$(grep -vx execve "$work/used" | comm -23 - "$work/allowed")"
  }
  if command -v strace >/dev/null || install_packages strace; then
    check "SystemCallFilter allows every call that the server makes" suffices
  else
    skip "SystemCallFilter allows every call that the server makes" "there is no strace, and it cannot be installed"
  fi
fi

# --- the image -------------------------------------------------------------------------------------------

archive=$bundle/http-nas-$version-image.tar
systemd_parts=("install under systemd" "upgrade" "boot" "uninstall" "Dockerfile.build")
if ! start_engine >"$work/engine.out" 2>&1; then
  for part in "docker load" "ctr image import" "${systemd_parts[@]}"; do skip "$part" "$(tail -n 1 "$work/engine.out")"; done
  finish
fi
cat "$work/engine.out"
loaded() { same "Loaded image: http-nas:$version" "$(docker load -q -i "$archive")"; }
check "docker load" loaded
docker build -q --network none -t http-nas-test . >/dev/null
config_of() {
  docker image inspect -f '{{.Architecture}} {{.Os}} {{.Config.User}} {{json .Config.Env}} {{json .Config.Entrypoint}} {{json .Config.Cmd}}
{{json .Config.ExposedPorts}} {{json .Config.Volumes}} {{json .Config.Healthcheck}}
{{range $key, $value := .Config.Labels}}{{if ne $key "org.opencontainers.image.created"}}{{$key}}={{$value}} {{end}}{{end}}' "$1"
}
check "it is the image that docker build makes" same "$(config_of http-nas-test)" "$(config_of "http-nas:$version")"
says_version() { same "http-nas $version" "$(docker run --rm --network none --read-only --cap-drop ALL "$@" --version)"; }
check "and it runs" says_version "http-nas:$version"
imported() {
  ctr -a "$engine/run/containerd/containerd.sock" -n http-nas-test image import "$archive"
  same "docker.io/library/http-nas:$version" "$(ctr -a "$engine/run/containerd/containerd.sock" -n http-nas-test image ls -q)"
}
if command -v ctr >/dev/null; then
  check "ctr image import" imported
else
  skip "ctr image import" "containerd came without ctr"
fi
in_podman() { podman --root "$work/podman" --runroot "$engine/podman" --storage-driver vfs "$@"; }
podman_loaded() {
  in_podman load -i "$archive"
  same "2000:2000 [/http-nas] $version" \
    "$(in_podman image inspect -f '{{.User}} {{.Config.Entrypoint}} {{index .Labels "org.opencontainers.image.version"}}' "docker.io/library/http-nas:$version")"
}
if command -v podman >/dev/null || install_packages podman; then
  check "podman load" podman_loaded
else
  skip "podman load" "there is no podman, and it cannot be installed"
fi

# --- a Debian with systemd -------------------------------------------------------------------------------

machine=http-nas-test
in_machine() { docker exec "$machine" "$@"; }
is_up() { [[ $(in_machine systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]; }
# In cgroups of its own, and with every capability that a machine gives away.
start_machine() {
  [[ -n $debian ]] || {
    echo "there is no debootstrap, and it cannot be installed"
    return 1
  }
  wait "$debian" || {
    echo "debootstrap fails: $(tail -n 1 "$work/debootstrap.log")"
    return 1
  }
  tar -C "$work/debian" -c . | docker import - http-nas-debian >/dev/null
  rm -rf "$work/debian"
  docker run -d --name "$machine" --network none --cap-add ALL --cap-drop SYS_RESOURCE --security-opt seccomp=unconfined \
    --security-opt apparmor=unconfined --cgroupns private --tmpfs /run --tmpfs /tmp:exec --stop-signal RTMIN+3 \
    -v "$bundle:/bundle:ro" -e container=docker http-nas-debian sh -c '
      mount -o remount,bind,rw /proc/sys
      for folder in /sys/fs/cgroup /sys/fs/cgroup/*/; do
        ! mountpoint -q "$folder" || mount -o remount,bind,rw "$folder"
      done
      exec /lib/systemd/systemd' >/dev/null
  wait_for 60 is_up || {
    echo "systemd does not start in a container here: $(docker logs "$machine" 2>&1 | tail -n 1)"
    return 1
  }
}
if ! start_machine >"$work/machine.out" 2>&1; then
  for part in "${systemd_parts[@]}"; do skip "$part" "$(tail -n 1 "$work/machine.out")"; done
  finish
fi

# curl in the network of the machine, which has none but its own loopback.
nas() { nsenter -t "$(container_state "$machine" Pid)" -n curl -fsS "$@"; }
property() { in_machine systemctl show -P "$1" http-nas; }
url=http://127.0.0.1:3000/file
check "install on a Debian without a network, under systemd" in_machine /bundle/install
process=$(property MainPID)
check "the service is active, and enabled" same "active enabled" "$(property ActiveState) $(property UnitFileState)"
check "systemd-analyze verify has nothing to say of it there" in_machine systemd-analyze verify --man=no http-nas.service
check "install once more changes nothing" in_machine /bundle/install
check "the process is the same" same "$process" "$(property MainPID)"
confined() {
  local status
  status=$(in_machine cat "/proc/$process/status")
  echo "$status"
  grep -qE '^CapEff:\s0+$' <<<"$status"
  grep -qE '^CapBnd:\s0+$' <<<"$status"
  grep -qE '^NoNewPrivs:\s1$' <<<"$status"
  grep -qE '^Seccomp:\s2$' <<<"$status"
  not grep -qE '^Uid:\s0\b' <<<"$status"
}
check "it has no capabilities, a filter of system calls, and another user than root" confined

# A call outside the filter ends the service here, where it would otherwise fail and might go unseen.
in_machine mkdir -p /run/systemd/system/http-nas.service.d
in_machine sh -c 'printf "[Service]\nSystemCallErrorNumber=kill\n" >/run/systemd/system/http-nas.service.d/kill.conf
  systemctl daemon-reload && systemctl restart http-nas'
wait_for 20 in_machine http-nas health 2>/dev/null
process=$(property MainPID)
random_file "$work/body" 20M
works() {
  nas -X POST -T "$work/body" "$url/a%2Fb%2Fbody"
  nas "$url/a/b/body" | cmp - "$work/body"
  nas -X POST -T - "$url/piped" <"$work/body"
  nas -X PUT -T "$work/body" "$url/piped"
  nas -X PUT -T - "$url/piped" <"$work/body"
  nas "$url/piped" | cmp - <(cat "$work/body" "$work/body" "$work/body")
  same "$(cat "$work/body" "$work/body" "$work/body" | wc -l)" "$(nas "$url/piped/wc")"
  nas -X POST "$url/folder/"
  nas -X PUT -d '{"path": "folder/moved"}' "$url/piped/mv"
  nas -I "$url/folder/moved"
  same $'a\nfolder' "$(nas "$url/%2F")"
  nas -X DELETE "$url/folder"
  local number parallel=()
  for number in {1..30}; do parallel+=(-o "$work/got-$number" "$url/a/b/body"); done
  nas -Z "${parallel[@]}"
  cmp "$work/got-30" "$work/body"
  same OK "$(nas "$url")"
}
check "it stores, appends, counts, moves, lists, serves and deletes" works
check "without a call outside the filter" same "$process active" "$(property MainPID) $(property ActiveState)"

upgrade() {
  docker cp -q "$bundle" "$machine:/newer" 2>/dev/null || docker cp "$bundle" "$machine:/newer"
  in_machine sh -c 'echo >>/newer/http-nas'
  fails_with 1 in_machine /newer/install
  in_machine sh -c 'cd /newer && sha256sum http-nas >sum && sed -i "s/^.*  http-nas$/$(cat sum)/" SHA256SUMS && rm sum'
  in_machine /newer/install
  not same "$process" "$(property MainPID)"
  in_machine cmp /newer/http-nas /usr/local/bin/http-nas
}
check "a newer program takes its place and is started" upgrade
kept() { nas "$url/a/b/body" | cmp - "$work/body"; }
check "files stay" kept
boot() {
  docker restart "$machine"
  wait_for 60 in_machine http-nas health
  kept
}
check "after a boot it is there, with its files" boot

wrong_settings() {
  in_machine sh -c 'echo PORT=many >>/etc/http-nas.conf'
  in_machine systemctl restart http-nas || true
  wait_for 20 test_state failed
  same "2 0" "$(property ExecMainStatus) $(property NRestarts)"
  refused 'PORT cannot be "many"' in_machine /bundle/install
  in_machine sed -i '/many/d' /etc/http-nas.conf
}
test_state() { [[ $(property ActiveState) == "$1" ]]; }
check "a wrong setting stops it, once, and install says why" wrong_settings
in_machine systemctl reset-failed http-nas
in_machine systemd-run -q --unit taken /usr/local/bin/http-nas --storage /tmp/taken
wait_for 20 in_machine http-nas health 2>/dev/null
taken() { refused "cannot listen on 127.0.0.1:3000" in_machine /bundle/install; }
check "install says that the port is in use" taken
in_machine systemctl stop taken http-nas
in_machine systemctl reset-failed http-nas 2>/dev/null || true
check "install starts it again" in_machine /bundle/install

uninstalled() {
  in_machine /bundle/uninstall
  in_machine sh -c '! test -e /usr/local/bin/http-nas && ! test -e /etc/systemd/system/http-nas.service'
  same "inactive not-found" "$(property ActiveState) $(property LoadState)"
}
check "uninstall" uninstalled
check "once more" in_machine /bundle/uninstall
check "files and settings stay" in_machine test -s /var/lib/http-nas/a/b/body -a -e /etc/http-nas.conf
in_machine /bundle/install >/dev/null 2>&1
check "and are served after the next install" kept
docker rm -f "$machine" >/dev/null

# --- Dockerfile.build ------------------------------------------------------------------------------------

# In place of the image of the registry: the same Debian with a C compiler, and the Rust of this machine.
rust_image() {
  docker run -d --name http-nas-rust --network host http-nas-debian sleep infinity >/dev/null
  docker exec http-nas-rust sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev' || return 1
  tar -C "$(rustc --print sysroot)" -c bin lib --exclude=lib/rustlib/src | docker cp - http-nas-rust:/usr/local
  docker commit http-nas-rust http-nas-rust >/dev/null
  docker rm -f http-nas-rust >/dev/null
}
built_in_container() {
  mkdir "$work/source"
  tar -xzf "$bundle/http-nas-$version-source.tar.gz" -C "$work/source" --strip-components 1
  docker build --network none --build-arg RUST=http-nas-rust -f "$work/source/Dockerfile.build" -t http-nas-built "$work/source"
  same "$(config_of http-nas-test)" "$(config_of http-nas-built)"
  says_version http-nas-built
}
if rust_image >"$work/rust.out" 2>&1; then
  check "docker build -f Dockerfile.build makes the same image from the sources" built_in_container
else
  skip "Dockerfile.build" "$(tail -n 1 "$work/rust.out")"
fi
finish
