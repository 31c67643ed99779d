#!/usr/bin/env bash
# usage: scripts/e2e-image.sh
#
# Builds the static program and the image of Dockerfile, and uses the image with a real Docker Engine, as tightly as it
# can be run: read-only, without capabilities, with 32 MiB of memory. Sends 2 GiB in and out, looks at its health, stops
# it during an upload, and gives it storage that it cannot use.
#
# Where no engine can be started, all that needs one is skipped by name.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=engine.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/engine.sh"
cd -- "$root"

[[ $# == 0 ]] || {
  sed -n 's/^# usage/usage/p' "${BASH_SOURCE[0]}" >&2
  exit 2
}
for tool in cargo curl; do
  command -v "$tool" >/dev/null || {
    echo "there is no $tool"
    exit 77
  }
done

# --- the program -----------------------------------------------------------------------------------------

most_bytes=2500000
check "scripts/build-static" scripts/build-static
[[ -x dist/http-nas ]] || finish
http_nas=$root/dist/http-nas
export HTTP_NAS=$http_nas
echo "the program has $(stat -c %s "$http_nas") bytes"
small() { (($(stat -c %s "$http_nas") <= most_bytes)); }
check "the program has at most 2.5 MB" small
# A root of nothing but the program: no library, no /etc, no /proc.
alone() {
  mkdir -p "$work/alone"
  cp "$http_nas" "$work/alone/http-nas"
  same "http-nas $(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" "$(chroot "$work/alone" /http-nas --version)"
}
if ((EUID == 0)); then
  check "it runs in a root with nothing else in it" alone
else
  skip "it runs in a root with nothing else in it" "only root may change the root"
fi
for file in tests/curl/*.sh; do
  check "the static program passes $file" timeout -k 10 600 bash "$file"
done

# --- the image -------------------------------------------------------------------------------------------

engine_parts=("docker build" "size, user, contents and labels" "run with 32 MiB" "2 GiB in and out" "health" "docker stop"
  "names" "unusable storage")
if ! start_engine >"$work/engine.out" 2>&1; then
  for part in "${engine_parts[@]}"; do skip "$part" "$(tail -n 1 "$work/engine.out")"; done
  finish
fi
cat "$work/engine.out"

image=http-nas-test
check "docker build, without a registry" docker build --network none -t "$image" .
of_image() { docker image inspect -f "$1" "$image"; }
most_image_bytes=2500000
image_small() { (($(of_image '{{.Size}}') <= most_image_bytes)); }
echo "the image has $(of_image '{{.Size}}') bytes"
check "the image has at most 2.5 MB" image_small
contents() {
  mkdir "$work/saved"
  docker save "$image" | tar -xf - -C "$work/saved"
  local layer
  find "$work/saved" -name layer.tar -o -path '*/blobs/sha256/*' | while read -r layer; do
    tar --numeric-owner -tvf "$layer" 2>/dev/null || true
  done | awk '{ print $1, $2, $NF }' | sort -u -k 3 >"$work/contents"
  # BuildKit gives the parent of the volume's folder to its user, the builder before it to root.
  sed -i 's|2000/2000 mnt/$|0/0 mnt/|' "$work/contents"
  cat "$work/contents"
  diff - "$work/contents" <<LIST
-rwxr-xr-x 0/0 http-nas
drwxr-xr-x 0/0 mnt/
drwxr-xr-x 2000/2000 mnt/storage/
LIST
}
check "in it are the program, the volume's folder and nothing else" contents
check "its user" same 2000:2000 "$(of_image '{{.Config.User}}')"
check "its volume" same '{"/mnt/storage":{}}' "$(of_image '{{json .Config.Volumes}}')"
check "its port" same '{"3000/tcp":{}}' "$(of_image '{{json .Config.ExposedPorts}}')"
check "its entry point" same '["/http-nas"]' "$(of_image '{{json .Config.Entrypoint}}')"
check "its environment" same '["PATH=/","HOST=::","STORAGE_PATH=/mnt/storage"]' "$(of_image '{{json .Config.Env}}')"
check "its health check" same '["CMD","/http-nas","health"]' "$(of_image '{{json .Config.Healthcheck.Test}}')"
label() { of_image "{{index .Config.Labels \"org.opencontainers.image.$1\"}}"; }
manifest() { sed -n "s/^$1 = \"\(.*\)\"/\1/p" Cargo.toml | head -n 1; }
check "its label title" same "$(manifest name)" "$(label title)"
check "its label version" same "$(manifest version)" "$(label version)"
check "its label description" same "$(manifest description)" "$(label description)"
check "its label licenses" same "$(manifest license)" "$(label licenses)"
# The two files differ in where the program comes from, and in nothing else.
same_stages() {
  diff <(sed -n '/^FROM scratch/,$p' Dockerfile) \
    <(sed -n '/^FROM scratch/,$p' Dockerfile.build | sed -E 's|^COPY --from=build (--chown=[0-9:]+ )?/http-nas/|COPY \1|')
}
check "Dockerfile.build ends in the same image" same_stages

# --- a container -----------------------------------------------------------------------------------------

# Containers share this machine's network, where the port of one that has just ended is free.
free_port() {
  start_server "$work/probe"
  port=${URL##*:}
  signal TERM "$PID"
  URL=http://127.0.0.1:$port
}
tight=(--read-only --cap-drop ALL --security-opt no-new-privileges -m 32m --memory-swap 32m --network host)
container=http-nas-test
# run_container OPTION... -- ARGUMENT...: until it answers.
run_container() {
  local options=()
  while [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  shift
  docker run -d --name "$container" "${tight[@]}" -v http-nas-test:/mnt/storage -e PORT="$port" "${options[@]}" "$image" "$@" >/dev/null
  wait_for 20 answers
}
answers() { curl -fsS -o /dev/null "$URL/file" 2>/dev/null; }

free_port
run_container --health-interval 1s --
process=$(container_state "$container" Pid)
# field NAME: of the status of process 1.
field() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$process/status" | tr '\t' ' '; }
check "it runs as user 2000, group 2000" same "2000 2000 2000 2000, 2000 2000 2000 2000" "$(field Uid), $(field Gid)"
check "without any capability" same "0000000000000000 0000000000000000" "$(field CapEff) $(field CapBnd)"
check "without new privileges" same 1 "$(field NoNewPrivs)"
read_only() { awk '$5 == "/" && $6 ~ /^ro(,|$)/ { found = 1 } END { exit !found }' "/proc/$process/mountinfo"; }
check "on a read-only root" read_only
healthy() { [[ $(container_state "$container" Health.Status) == "$1" ]]; }
check "its health check finds it healthy" wait_for 30 healthy healthy
check "http-nas health inside, by name" docker exec "$container" http-nas health
check "http-nas health --write inside" docker exec "$container" http-nas health --write
check "http-nas health at another port fails" fails_with 1 docker exec "$container" http-nas health --port 1

random_file "$work/large" 2G
sum=$(checksum "$work/large")
started=$SECONDS
send_large() { curl -fsS -X POST -T - "$URL/file/large" <"$work/large"; }
check "2 GiB go in" send_large
rm "$work/large"
check "2 GiB come out, with the same digest" same "$sum" "$(curl -fsS "$URL/file/large" | checksum)"
echo "both in $((SECONDS - started)) s; at its peak the process had $(field VmHWM)"
check "it was never short of memory" same "false 0" "$(container_state "$container" OOMKilled) $(docker inspect -f '{{.RestartCount}}' "$container")"
check "and is healthy" healthy healthy
check "DELETE" curl -fsS -X DELETE "$URL/file/large"

# --- names -----------------------------------------------------------------------------------------------

# helm test asks a server by its name in the cluster: a static program has to resolve names without libraries.
ask_by() { docker run --rm "${tight[@]}" --add-host nas.hosts.test:127.0.0.1 "${@:2}" "$image" health --write --host "$1" --port "$port"; }
check "health --write by a name of /etc/hosts" ask_by nas.hosts.test
check "health by a name that nobody has fails" fails_with 1 ask_by nobody.hosts.test
# A name server of one name, nas.dns.test, which is 127.0.0.1.
cat >"$work/dns.py" <<'PYTHON'
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
print("ready", flush=True)
while True:
    query, client = server.recvfrom(512)
    end = query.index(0, 12)
    question, kind = query[12:end + 5], query[end + 1:end + 3]
    known = query[12:end + 1] == b"\3nas\3dns\4test\0"
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1" if known and kind == b"\0\1" else b""
    flags = b"\x84\0" if known else b"\x84\3"
    server.sendto(query[:2] + flags + b"\0\1" + (b"\0\1" if answer else b"\0\0") + b"\0\0\0\0" + question + answer, client)
PYTHON
printf 'nameserver 127.53.53.53\noptions timeout:1 attempts:1\n' >"$work/resolv.conf"
python3 "$work/dns.py" 127.53.53.53 >"$work/dns.out" 2>&1 </dev/null &
dns=$!
dns_ready_or_ended() { grep -q ready "$work/dns.out" || gone "$dns"; }
wait_for 10 dns_ready_or_ended
if gone "$dns"; then
  skip "health by a name that a name server knows" "no name server can be started: $(tail -n 1 "$work/dns.out")"
else
  ask_dns() { ask_by "$1" -v "$work/resolv.conf:/etc/resolv.conf:ro"; }
  check "health --write by a name that a name server knows" ask_dns nas.dns.test
  check "health by a name that it does not know fails" fails_with 1 ask_dns other.dns.test
  signal TERM "$dns"
fi

# --- the end of a container ------------------------------------------------------------------------------

random_file "$work/body" 8M
hold_upload "$URL/file/body"
head -c 4M "$work/body" >&"$HELD"
without_held_pipes docker stop -t 30 "$container" >"$work/stop" 2>&1 </dev/null &
stop=$!
turned_away() {
  local code=0 got
  got=$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' "$URL/file") || code=$?
  [[ $got == 503 ]] || ((code != 0 && code != 28))
}
check "docker stop during an upload: new requests are turned away" wait_for 20 turned_away
check "and the container still runs" same true "$(container_state "$container" Running)"
tail -c +$(((4 << 20) + 1)) "$work/body" >&"$HELD" || true
end_upload "$HELD" "$UPLOAD"
check "the upload succeeds" same 0 "$CODE"
ended "$stop"
check "docker stop is done within the grace period" same "0, 0" "$CODE, $(container_state "$container" ExitCode)"
docker start "$container" >/dev/null
wait_for 20 answers
check "after a start the upload is there, whole" same "$(checksum "$work/body")" "$(curl -fsS "$URL/file/body" | checksum)"

# The best of three: other work on this machine may take its time.
best=999999
for try in 1 2 3; do
  ((try == 1)) || { docker start "$container" >/dev/null && wait_for 20 answers; }
  before=$(date +%s%3N)
  docker stop "$container" >/dev/null
  took=$(($(date +%s%3N) - before))
  ((took >= best)) || best=$took
done
echo "docker stop of an idle container takes $best ms"
under_a_second() { ((best < 1000)); }
check "docker stop of an idle container takes under a second" under_a_second
check "and it ends with 0" same 0 "$(container_state "$container" ExitCode)"
docker rm "$container" >/dev/null

# The health check asks where PORT says; this server listens elsewhere.
docker run -d --name "$container" "${tight[@]}" --health-interval 1s --health-retries 1 -e PORT=1 "$image" --port 0 >/dev/null
check "a container whose server cannot be asked is unhealthy" wait_for 30 healthy unhealthy
reason() { docker inspect -f '{{json .State.Health.Log}}' "$container" | grep -E 'GET http://[^ ]+:1/file: cannot connect: Connection refused'; }
check "and the engine has the reason" reason
docker rm -f -v "$container" >/dev/null

# stops_with WHY OPTION...: the container ends with 1, and this in its log.
stops_with() {
  local code
  docker run -d --name "$container" "${tight[@]}" "${@:2}" "$image" >/dev/null
  code=$(timeout 20 docker wait "$container")
  docker logs "$container" 2>&1 | tail -n 5
  same "1, 1 line" "$code, $(docker logs "$container" 2>&1 | wc -l) line"
  container_log_says "$container" "http-nas: cannot use the storage folder /mnt/storage: $1"
}
unusable() {
  check "$1" stops_with "${@:2}"
  docker rm -f -v "$container" >/dev/null
}
mkdir "$work/roots"
unusable "a volume of another user stops the start" \
  "it cannot be written to as user 2000, group 2000: Permission denied" -v "$work/roots:/mnt/storage"
unusable "so does a read-only volume" "it cannot be written to as user 2000, group 2000: Read-only file system" \
  -v http-nas-test:/mnt/storage:ro
unusable "so does no volume at all" "it cannot be written to as user 2000, group 2000: Read-only file system" \
  --tmpfs /mnt/storage:ro
finish
