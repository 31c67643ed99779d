"""Many requests at once through a proxy, each reply held against what was asked.

Run as `mixed.py ADDRESS PORT HOST STORAGE REQUESTS CONNECTIONS`. Each connection has names of its
own, so that it knows what each of them must hold; each line of each file names the file. In between
uploads and downloads are broken off in the middle of their body. In the end the storage folder must
have exactly the files that were stored and not deleted, byte for byte. The last line says how many
requests there were; the exit code is 1 where anything was not as it must be.
"""

import base64
import hashlib
import http.client
import os
import pathlib
import random
import socket
import struct
import sys
import threading
from urllib.parse import quote

ADDRESS, PORT, HOST, STORAGE = sys.argv[1], int(sys.argv[2]), sys.argv[3], pathlib.Path(sys.argv[4])
REQUESTS, CONNECTIONS = int(sys.argv[5]), int(sys.argv[6])
SEED = int(os.environ.get("SEED", "20261122"))
FOLDER = "mixed"
# Larger than what the sockets and the proxy hold, so that a download that is broken off is not over
# before that.
LARGE = "large"
LARGE_SIZE = 24_000_000

failures = []


class Wrong(Exception):
    """A reply is not the one that belongs to the request."""


def content(numbers, name):
    """Lines that say which file they belong to, and which version of it."""
    line = f"{name} {numbers.getrandbits(48):012x}\n".encode()
    size = numbers.randrange(100_000, 400_000) if numbers.random() < 0.01 else numbers.randrange(1, 8_000)
    return (line * (size // len(line) + 1))[:size]


def digest(data):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def pieces(numbers, data):
    at = 0
    while at < len(data):
        size = numbers.randrange(1, 5_000)
        yield data[at : at + size]
        at += size


def target(name):
    return "/file/" + quote(name)


def must(what, expected, found):
    if expected != found:
        raise Wrong(f"{what}: expected {expected[:120]!r}, found {found[:120]!r} (of {len(expected)} and {len(found)})")


class Connection:
    """One connection at a time, and the files that are stored over it."""

    def __init__(self, number):
        self.number = number
        self.random = random.Random(SEED * 1000 + number)
        self.files = {}
        self.requests = 0
        self.broken_off = 0
        self.may_be_closed = False
        self.http = http.client.HTTPConnection(ADDRESS, PORT, timeout=60)

    def run(self, requests):
        acts = {
            self.store: 20,
            self.read: 25,
            self.read_part: 10,
            self.head: 5,
            self.append: 10,
            self.checksum: 5,
            self.unchanged: 5,
            self.read_missing: 5,
            self.append_missing: 5,
            self.store_existing: 5,
            self.delete: 3,
            self.break_upload: 1,
            self.break_download: 0.2,
        }
        functions, weights = list(acts), list(acts.values())
        while self.requests < requests and len(failures) < 20:
            act = self.random.choices(functions, weights)[0]
            try:
                act()
            except (Wrong, OSError, http.client.HTTPException) as error:
                failures.append(f"connection {self.number}, request {self.requests}, {act.__name__}: {error!r}")
                self.http.close()
        self.http.close()

    # --- one request -----------------------------------------------------------------------------

    def ask(self, expected, method, name, body=None, **fields):
        """The header fields and the content of the reply, which has the status expected."""
        self.requests += 1
        headers = {"Host": HOST, **{field.replace("_", "-"): value for field, value in fields.items()}}
        if body is not None and self.random.random() < 0.3:
            headers["Transfer-Encoding"] = "chunked"
        try:
            reply, found = self.send(method, name, body, headers)
        except (ConnectionError, http.client.RemoteDisconnected):
            if not self.may_be_closed:
                raise
            self.http.close()
            reply, found = self.send(method, name, body, headers)
        # A proxy that has the reply before the whole body may close the connection behind it, and
        # nginx does not say so.
        self.may_be_closed = body is not None and reply.status >= 400
        if reply.status != expected:
            raise Wrong(f"{method} {name}: status {reply.status} instead of {expected}: {found[:300]}")
        return reply.headers, found

    def send(self, method, name, body, headers):
        chunked = "Transfer-Encoding" in headers
        self.http.request(method, target(name), pieces(self.random, body) if chunked else body, headers, encode_chunked=chunked)
        reply = self.http.getresponse()
        return reply, reply.read()

    def new_name(self):
        return f"{FOLDER}/{self.number}/{self.random.getrandbits(40):010x} %ü"

    def some_name(self):
        if not self.files or (len(self.files) < 20 and self.random.random() < 0.2):
            self.store()
        return self.random.choice(list(self.files))

    # --- what is asked ---------------------------------------------------------------------------

    def store(self):
        name = self.random.choice(list(self.files)) if len(self.files) >= 20 else self.new_name()
        data = content(self.random, name)
        headers, found = self.ask(200, "POST", name, data, Want_Repr_Digest="sha-256=1")
        self.files[name] = data
        must(f"POST {name}", digest(data), headers["Repr-Digest"])
        must(f"POST {name}", b"OK", found)

    def append(self):
        name = self.some_name()
        data = content(self.random, name)
        headers, _ = self.ask(200, "PUT", name, data, Want_Repr_Digest="sha-256=1")
        self.files[name] += data
        must(f"PUT {name}", digest(data), headers["Repr-Digest"])

    def read(self):
        name = self.some_name()
        must(f"GET {name}", self.files[name], self.ask(200, "GET", name)[1])

    def read_part(self):
        name = self.some_name()
        first = self.random.randrange(len(self.files[name]))
        last = self.random.randrange(first, len(self.files[name]))
        headers, found = self.ask(206, "GET", name, Range=f"bytes={first}-{last}")
        must(f"part of {name}", self.files[name][first : last + 1], found)
        must(f"part of {name}", f"bytes {first}-{last}/{len(self.files[name])}", headers["Content-Range"])

    def head(self):
        name = self.some_name()
        headers, _ = self.ask(200, "HEAD", name)
        must(f"HEAD {name}", str(len(self.files[name])), headers["Content-Length"])

    def checksum(self):
        name = self.some_name()
        expected = hashlib.sha256(self.files[name]).hexdigest().encode()
        must(f"digest of {name}", expected, self.ask(200, "GET", name + "/sha256")[1])

    def unchanged(self):
        name = self.some_name()
        tag = self.ask(200, "HEAD", name)[0]["ETag"]
        headers, found = self.ask(304, "GET", name, If_None_Match=tag)
        must(f"304 of {name}", tag, headers["ETag"])
        must(f"304 of {name}", b"", found)

    def read_missing(self):
        self.missing("GET", self.new_name())

    def append_missing(self):
        """The body of a request that is refused must not be taken for the next request."""
        name = self.new_name()
        self.missing("PUT", name, content(self.random, name))

    def store_existing(self):
        name = self.some_name()
        self.ask(412, "POST", name, content(self.random, name), If_None_Match="*")

    def missing(self, method, name, body=None):
        found = self.ask(404, method, name, body)[1]
        if name.encode() not in found:
            raise Wrong(f"{method} {name}: the reply is about something else: {found[:300]}")

    def delete(self):
        name = self.some_name()
        self.ask(200, "DELETE", name)
        del self.files[name]
        self.missing("GET", name)

    # --- what is broken off ----------------------------------------------------------------------

    def reconnect(self):
        self.http.close()
        self.http.connect()

    def break_off(self):
        """Closes the connection in order, or with a reset."""
        if self.random.random() < 0.5:
            self.http.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.http.close()
        self.broken_off += 1

    def break_upload(self):
        """A part of a body: nothing of it may be stored."""
        method = self.random.choice(["POST", "PUT"])
        name = self.some_name() if method == "PUT" or self.random.random() < 0.5 else self.new_name()
        data = content(self.random, name) * self.random.choice([1, 1, 40])
        part = data[: self.random.randrange(len(data))]
        self.reconnect()
        self.http.putrequest(method, target(name), skip_host=True)
        self.http.putheader("Host", HOST)
        if self.random.random() < 0.5:
            self.http.putheader("Content-Length", str(len(data)))
        else:
            self.http.putheader("Transfer-Encoding", "chunked")
            part = b"%x\r\n%b\r\n" % (len(part), part) if part else b""
        self.http.endheaders()
        self.http.send(part)
        self.break_off()

    def break_download(self):
        self.reconnect()
        self.http.request("GET", target(LARGE), headers={"Host": HOST})
        reply = self.http.getresponse()
        must("the large file", (LARGE + "\n").encode() * 100, reply.read(100 * (len(LARGE) + 1)))
        self.break_off()

    # --- the end ---------------------------------------------------------------------------------

    def compare(self):
        """The files on disk are those that were stored, byte for byte."""
        folder = STORAGE / FOLDER / str(self.number)
        found = {f"{FOLDER}/{self.number}/{path.name}": path.read_bytes() for path in folder.iterdir()}
        for name in sorted(found.keys() | self.files.keys()):
            if found.get(name) != self.files.get(name):
                lengths = [None if data is None else len(data) for data in (self.files.get(name), found.get(name))]
                failures.append(f"{name}: {lengths[0]} bytes were stored, {lengths[1]} are there, and they differ")


def main():
    STORAGE.joinpath(LARGE).write_bytes((LARGE + "\n").encode() * (LARGE_SIZE // (len(LARGE) + 1)))
    connections = [Connection(number) for number in range(CONNECTIONS)]
    each = -(-REQUESTS // CONNECTIONS)
    threads = [threading.Thread(target=connection.run, args=(each,), daemon=True) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for connection in connections:
        connection.compare()
    for failure in failures[:20]:
        print(failure)
    requests = sum(connection.requests for connection in connections)
    broken_off = sum(connection.broken_off for connection in connections)
    print(f"{requests} requests over {CONNECTIONS} connections, {broken_off} more broken off, {len(failures)} wrong")
    sys.exit(bool(failures) or requests < REQUESTS)


main()
