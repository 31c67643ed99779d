#!/usr/bin/env bash
# Clients that are gone without a word, as those whose machine has lost its power or its network:
# neither an end nor a reset comes from them. TCP_REPAIR lets a socket vanish like this, for root.
# What they occupy comes back.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

cat >"$work/client.py" <<'END'
import socket, sys

TCP_REPAIR = 19
states = {
    "after connecting": (b"", 0),
    "in the head": (b"GET /file/large HTTP/1.1\r\nHo", 0),
    "before the body": (b"POST /file/kept HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n", 0),
    "in the body": (b"POST /file/kept HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n" + b"b" * 50000, 0),
    "in a chunk": (b"PUT /file/kept HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\nbbbb", 0),
    "in the reply": (b"GET /file/large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 1000),
    "behind a reply": (b"GET /file HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 12),
    "behind a refusal": (b"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\nbbbb", 12),
}
sent, read = states[sys.argv[2]]
peers = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) for _ in range(int(sys.argv[3]))]
for peer in peers:
    peer.sendall(sent)
for peer in peers:
    if read and len(peer.recv(read, socket.MSG_WAITALL)) < read:
        sys.exit("the server has closed")
for peer in peers:
    peer.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    peer.close()
END

if ! command -v python3 >/dev/null; then
  skip "clients that are gone without a word" "there is no python3"
  finish
fi
if ! python3 -c 'import socket; socket.socket().setsockopt(socket.IPPROTO_TCP, 19, 1)' 2>/dev/null; then
  skip "clients that are gone without a word" "TCP_REPAIR needs root"
  finish
fi

storage=$work/storage
mkdir "$storage"
random_file "$storage/large" 20M
printf kept >"$storage/kept"
# As many as one address can have slots: of 16, one is kept for others.
clients=15
start_server "$storage" --max-transfers 16 --idle-timeout 2s --keep-alive-timeout 2s

sockets() { find "/proc/$PID/fd" -lname 'socket:*' 2>/dev/null | wc -l; }
back_to() { (($(sockets) <= $1)); }
before=$(sockets)

# gone_in STATE: clients vanish in this state. Requests are carried out again once the time limit of
# the state is over, and no socket is left: a head may take 30 s.
gone_in() {
  python3 "$work/client.py" "${URL##*:}" "$1" "$clients"
  wait_for 20 status 200 -X POST --data-raw stored "$URL/file/stored"
  wait_for 45 back_to "$before"
  same kept "$(cat "$storage/kept")"
}
for state in "after connecting" "in the head" "before the body" "in the body" "in a chunk" "in the reply" \
  "behind a reply" "behind a refusal"; do
  check "$clients clients are gone $state" gone_in "$state"
done
check "nothing of them is left" no_litter "$storage"
signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
finish
