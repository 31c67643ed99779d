"""A proxy that breaks connections at a given byte.

usage: cut.py HOST:PORT FOLDER

It listens on a free port, says "listening on http://ADDRESS", and passes bytes on to HOST:PORT.
Each connection takes the first line of FOLDER/orders, if there is one:

    request N      N bytes of what the client sends are passed on, then both connections are broken
    reply N        N bytes of what the server sends are passed on, then both are broken
    hold-reply N   as reply, but both stay open and silent until the client goes
    hold-request N as request, likewise
    unanswered     the whole request is passed on, then both are broken at once, whatever the server
                   makes of it
    answered       the whole request is passed on, and both are broken when the server has answered:
                   the client never sees it

`reset` after it breaks the connections by RST instead of FIN. What has been done is one line of
FOLDER/events: the order's words, with "done" before them. Only the length of requests with
Content-Length is known.
"""

import asyncio
import contextlib
import os
import socket
import struct
import sys

HOST, PORT = sys.argv[1].rsplit(":", 1)
ORDERS = os.path.join(sys.argv[2], "orders")
EVENTS = os.path.join(sys.argv[2], "events")
STEP = 64 * 1024


def next_order():
    """The next order's words; none is an empty list."""
    try:
        with open(ORDERS, encoding="ascii") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    if not lines:
        return []
    with open(ORDERS + ".new", "w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in lines[1:])
    os.replace(ORDERS + ".new", ORDERS)
    return lines[0].split()


class Length:
    """How many bytes a message has, head and body, once enough of it has been seen; and whether it is complete."""

    def __init__(self):
        self.head = b""
        self.seen = 0
        self.whole = None

    def see(self, data):
        self.seen += len(data)
        if self.whole is None:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end >= 0:
                self.whole = end + 4 + self.content_length(self.head[:end])

    @staticmethod
    def content_length(head):
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                return int(value)
        return 0

    def complete(self):
        return self.whole is not None and self.seen >= self.whole


class Pair:
    """A client's connection and the one to the server."""

    def __init__(self, client, server, order):
        self.client = client
        self.server = server
        self.words = [word for word in order if word != "reset"]
        self.reset = "reset" in order
        self.kind = self.words[0] if self.words else ""
        self.limit = int(self.words[1]) if len(self.words) > 1 else None
        self.request = Length()
        self.answer = Length()
        self.held = False

    def done(self):
        with open(EVENTS, "a", encoding="ascii") as file:
            file.write(" ".join(["done", *self.words]) + "\n")

    def break_off(self):
        for _, writer in (self.client, self.server):
            if self.reset:
                # Zero seconds of lingering: closing sends RST and drops what is unsent.
                with contextlib.suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                writer.transport.abort()
            else:
                writer.close()

    async def at_limit(self):
        """True where the pump ends here."""
        self.done()
        if self.kind.startswith("hold"):
            self.held = True
            return False
        self.break_off()
        return True

    async def pump_request(self):
        """From the client; goes on reading while held, to notice that the client goes."""
        reader, writer = self.client[0], self.server[1]
        passed = 0
        while data := await reader.read(STEP):
            if self.held:
                continue
            if self.kind in ("request", "hold-request"):
                data = data[: self.limit - passed]
            self.request.see(data)
            passed += len(data)
            writer.write(data)
            await writer.drain()
            if self.kind in ("request", "hold-request") and passed == self.limit and await self.at_limit():
                return
            if self.kind == "unanswered" and self.request.complete():
                self.done()
                self.break_off()
                return
        # The client has gone.
        self.break_off()

    async def pump_reply(self):
        reader, writer = self.server[0], self.client[1]
        passed = 0
        while data := await reader.read(STEP):
            if self.held:
                # What the server still sends is left to fill the sockets' buffers, as with a client
                # that has stopped.
                await asyncio.Event().wait()
            if self.kind == "answered" and self.request.complete():
                # "100 Continue" comes before the request is complete, so this is the answer.
                self.answer.see(data)
                if self.answer.complete():
                    self.done()
                    self.break_off()
                    return
                continue
            if self.kind in ("reply", "hold-reply"):
                data = data[: self.limit - passed]
            passed += len(data)
            writer.write(data)
            await writer.drain()
            if self.kind in ("reply", "hold-reply") and passed == self.limit and await self.at_limit():
                return
        # The server is done with the connection; the client learns of it after what was sent.
        self.client[1].close()


async def serve(reader, writer):
    order = next_order()
    try:
        server = await asyncio.open_connection(HOST, int(PORT))
    except OSError:
        writer.close()
        return
    pair = Pair((reader, writer), server, order)

    async def quietly(pump):
        with contextlib.suppress(OSError):
            await pump()

    request = asyncio.create_task(quietly(pair.pump_request))
    reply = asyncio.create_task(quietly(pair.pump_reply))
    # A client that goes ends both; a server that is done must not cut what the client still reads.
    await request
    reply.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reply
    pair.break_off()


async def main():
    listener = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=100)
    address, port = listener.sockets[0].getsockname()
    print(f"listening on http://{address}:{port}", flush=True)
    await listener.serve_forever()


asyncio.run(main())
