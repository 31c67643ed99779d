#!/usr/bin/env bash
# Clients that ask and do not read, or read slowly: what they occupy, and who still gets in. Python
# sets what curl cannot: the receive buffer and the segment size of a socket, and the address that
# it comes from.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

if ! command -v python3 >/dev/null; then
  skip "clients that do not read" "there is no python3"
  finish
fi

storage=$work/storage
mkdir "$storage" "$storage/folder"
random_file "$storage/medium" 66000
random_file "$storage/small" 60000
# Names for a listing of 70 KB.
(cd "$storage/folder" && seq -f "%0233g" 300 | xargs touch)

cat >"$work/client.py" <<'END'
import selectors, socket, sys, threading, time

def connection(source):
    it = socket.socket()
    it.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
    it.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)
    it.settimeout(60)
    it.bind((source, 0))
    it.connect(("127.0.0.1", int(sys.argv[1])))
    return it

def request(name):
    return f"GET /file/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()

def status(it):
    return int(it.recv(12, socket.MSG_PEEK | socket.MSG_WAITALL)[9:12])

def whole(it):
    """The status and whether all of the content came."""
    data = b""
    while True:
        part = it.recv(2000)
        if not part:
            break
        data += part
        time.sleep(0.0005) # the subject is a reader that is slow
    head, _, content = data.partition(b"\r\n\r\n")
    length = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return int(head[9:12]), len(length) == 1 and int(length[0].split(b":")[1]) == len(content)

def unread(name, count):
    """One address has as many readers as it can; all have the beginning of a reply. Is there room for another?"""
    readers = [connection("127.0.0.1") for _ in range(count)]
    for it in readers:
        it.sendall(request(name))
    statuses = sorted(status(it) for it in readers)
    print("of one address:", {code: statuses.count(code) for code in set(statuses)})
    # Whether they have been served is not seen from here; what the server does meanwhile is what
    # counts.
    for _ in range(20):
        other = connection("127.0.0.2")
        other.sendall(request("small"))
        print("another:", *whole(other))

def slow(name, count, rounds):
    """Each reply to one of many slow readers is whole, be it 200 or 503."""
    outcomes = []
    def read():
        for _ in range(rounds):
            it = connection("127.0.0.1")
            it.sendall(request(name))
            try:
                outcomes.append(whole(it))
            except OSError as error:
                outcomes.append((0, str(error)))
    threads = [threading.Thread(target=read) for _ in range(count)]
    for it in threads: it.start()
    for it in threads: it.join()
    for outcome in sorted(set(map(str, outcomes))):
        print(outcome, sum(str(it) == outcome for it in outcomes))

{"unread": unread, "slow": slow}[sys.argv[2]](sys.argv[3], *map(int, sys.argv[4:]))
END
client() { python3 "$work/client.py" "${URL##*:}" "$@"; }

# symptom: 540 readers of one address that do not read keep every other address out, for as long as
#          they stay.
# cause:   the slot of a reply was given back before its last write, in which the thread then waited
#          for the client.
# fix:     the last write does not wait; a slot is free when its thread waits for no client any
#          more.
others_get_in() {
  client unread "$1" 540 | tee "$work/seen"
  same 20 "$(grep -c '^another: 200 True$' "$work/seen")"
}
for name in medium small folder folder/tar; do
  start_server "$storage"
  check "540 readers of $name that do not read leave room for another address" others_get_in "$name"
  signal KILL "$PID" || true
done

# symptom: under pressure a reply of 200 breaks off, one in two thousand.
# cause:   a slot that had been given back for the last write was not there any more when the client
#          did not take it.
# fix:     the last write does not wait; a slot is free when its thread waits for no client any
#          more.
each_is_whole() {
  client slow small 40 25 | tee "$work/seen"
  grep '^(200, True)' "$work/seen"
  not grep -vE '^\((200|503), True\)' "$work/seen"
}
start_server "$storage" --max-transfers 16
check "each reply to 40 slow readers with 16 slots is whole" each_is_whole
signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
finish
