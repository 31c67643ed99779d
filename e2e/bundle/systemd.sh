# shellcheck shell=bash disable=SC2154
# The part of e2e/bundle/run that installs the bundle on a Debian of its own, with systemd as
# process 1: install, the unit as it is shipped, its drop-ins for a Unix socket and an access file,
# upgrade, boot, uninstall. It is sourced, and needs $bundle, $debian (the process of debootstrap),
# drop_in and a Docker Engine.

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
      # As systemd has it on a machine; without it, no unit sees its credentials.
      mount --make-rshared /
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

# A call outside the filter ends the service here, where it would otherwise fail and might go
# unseen.
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

# The drop-in of docs/operations.md for a Unix socket, under the filter of system calls that kills.
socket=/run/http-nas/nas.sock
over_socket() {
  local drop_ins=/etc/systemd/system/http-nas.service.d
  in_machine mkdir -p "$drop_ins"
  drop_in RuntimeDirectory= >"$work/socket.conf"
  grep -q "unix:$socket" "$work/socket.conf"
  docker exec -i "$machine" sh -c "cat >$drop_ins/socket.conf" <"$work/socket.conf"
  in_machine sh -c 'systemctl daemon-reload && systemctl restart http-nas'
  wait_for 20 in_machine test -S "$socket"
  same "srwxrwx--- www-data" "$(in_machine stat -c '%A %G' "$socket")"
  wait_for 20 as www-data health --write
  not as nobody health
  socket_nas "$url/a/b/body" | cmp - "$work/body"
  socket_nas -X POST -T "$work/body" "$url/a/b/by-socket"
  socket_nas "$url/a/b/by-socket" | cmp - "$work/body"
  socket_nas -X DELETE "$url/a/b/by-socket"
  not nas "$url"
  same "active 0" "$(property ActiveState) $(property NRestarts)"
  in_machine systemctl stop http-nas
  not in_machine test -e "$socket"
  in_machine rm -r "$drop_ins"
  in_machine sh -c 'systemctl daemon-reload && systemctl start http-nas'
  wait_for 20 in_machine http-nas health
}
as() { docker exec -u "$1" -e "HTTP_NAS_LISTEN=unix:$socket" "$machine" http-nas "${@:2}"; }
# The machine has no curl; the path leads through its root folder.
socket_nas() { curl -fsS --unix-socket "/proc/$(container_state "$machine" Pid)/root$socket" "$@"; }
check "with the drop-in of docs/operations.md it serves a Unix socket to the group that it names" over_socket
process=$(property MainPID)

# The drop-ins of docs/operations.md for an access file.
drop_ins=/etc/systemd/system/http-nas.service.d
with_drop_in() {
  in_machine mkdir -p "$drop_ins"
  drop_in "$1" | docker exec -i "$machine" sh -c "cat >$drop_ins/access.conf"
  in_machine sh -c 'systemctl daemon-reload && systemctl restart http-nas'
  wait_for 20 in_machine http-nas health
}
# rules [ENTRY]: the access file, with the owner and mode that it has.
rules() { in_machine sh -c 'echo "{\"tokens\": [$1]}" >/etc/http-nas/access.json' sh "${1-}"; }
gets() { same "$1" "$(nsenter -t "$(container_state "$machine" Pid)" -n curl -sS -o /dev/null -w '%{http_code}' "${@:2}")"; }
probe() { in_machine http-nas health --write --folder a --token-file /root/token; }
access_file() {
  in_machine sh -c 'cd /root && umask 077 && http-nas token loader read,create,delete:a/ >token 2>entry
    install -d /etc/http-nas && groupadd --system http-nas-access
    install -m 640 -g http-nas-access /dev/null /etc/http-nas/access.json'
}
check "a token and its entry are made there" access_file
token=$(in_machine cat /root/token || true)
entry=$(in_machine cat /root/entry || true)
of_a_group() {
  rules "$entry"
  with_drop_in SupplementaryGroups=
  gets 401 "$url/a/b/body"
  gets 200 -u "loader:$token" "$url/a/b/body"
  probe
  local process
  process=$(property MainPID)
  rules
  wait_for 10 gets 401 -u "loader:$token" "$url/a/b/body"
  same "$process" "$(property MainPID)"
}
check "with the drop-in for a file of a group, a change of it counts without a restart" of_a_group
of_root() {
  in_machine sh -c 'chown root:root /etc/http-nas/access.json && chmod 600 /etc/http-nas/access.json'
  rules "$entry"
  with_drop_in LoadCredential=
  gets 401 "$url/a/b/body"
  gets 200 -u "loader:$token" "$url/a/b/body"
  probe
  rules
  in_machine systemctl restart http-nas
  wait_for 20 gets 401 -u "loader:$token" "$url/a/b/body"
  # Without the file there is no server, in place of one that lets everybody in.
  in_machine rm /etc/http-nas/access.json
  not in_machine systemctl restart http-nas
  not nas "$url"
}
check "with the drop-in for a file of root, it is read at the start" of_root
without_rules() {
  in_machine sh -c "rm -r $drop_ins; systemctl daemon-reload; systemctl reset-failed http-nas; systemctl start http-nas"
  wait_for 20 in_machine http-nas health
}
check "without a drop-in there are no rules" without_rules
process=$(property MainPID)

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
