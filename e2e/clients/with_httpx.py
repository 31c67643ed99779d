"""httpx: streams in both directions, one after the other and many at once."""

import asyncio
import sys

import httpx
from checks import (
    STORAGE,
    URL,
    check,
    digest_field,
    finish,
    no_litter,
    pieces,
    raises,
    random_bytes,
    same,
    sha256,
)

print(f"httpx {httpx.__version__} (Python {sys.version.split()[0]})")
# trust_env: a proxy of the caller's must not stand in between.
client = httpx.Client(base_url=f"{URL}/file/", timeout=60, trust_env=False)
DATA = random_bytes(20_000_003)


@check("a generator is sent in chunks: POST stores it, PUT appends it")
def generators():
    reply = client.post("stream.bin", content=pieces(DATA))
    same((200, "OK"), (reply.status_code, reply.text))
    same("chunked", reply.request.headers["Transfer-Encoding"])
    same(200, client.put("stream.bin", content=pieces(DATA, 70_000)).status_code)
    same(sha256(DATA + DATA), sha256((STORAGE / "stream.bin").read_bytes()))
    same(sha256(DATA + DATA), client.get("stream.bin/sha256").text)


@check("a generator that raises half-way changes nothing")
def broken_generator():
    def broken():
        yield from pieces(DATA[:5_000_000])
        raise ValueError("the source has failed")

    raises(ValueError, client.post, "stream.bin", content=broken())
    raises(ValueError, client.put, "stream.bin", content=broken())
    no_litter()
    same(sha256(DATA + DATA), client.get("stream.bin/sha256").text)


@check("iter_bytes and iter_raw stream a file; text comes by lines")
def downloads():
    same(200, client.post("bytes.bin", content=DATA).status_code)
    with client.stream("GET", "bytes.bin") as reply:
        same(DATA, b"".join(reply.iter_bytes()))
        same(len(DATA), reply.num_bytes_downloaded)
    with client.stream("GET", "bytes.bin") as reply:
        same(DATA, b"".join(reply.iter_raw(70_001)))
    client.post("lines.csv", content="größe\n1\n2\n")
    with client.stream("GET", "lines.csv") as reply:
        same(["größe", "1", "2"], list(reply.iter_lines()))


@check("a download that is left half-way goes on by Range and If-Range")
def resumed():
    have = b""
    with client.stream("GET", "bytes.bin") as reply:
        etag = reply.headers["ETag"]
        for piece in reply.iter_raw():
            have += piece
            if len(have) > 3_000_000:
                break
    reply = client.get("bytes.bin", headers={"Range": f"bytes={len(have)}-", "If-Range": etag})
    same((206, f"bytes {len(have)}-{len(DATA) - 1}/{len(DATA)}"), (reply.status_code, reply.headers["Content-Range"]))
    same(DATA, have + reply.content)
    client.post("bytes.bin", content=DATA)
    same(200, client.get("bytes.bin", headers={"Range": "bytes=5-", "If-Range": etag}).status_code)


@check("conditions, digests, and errors as JSON")
def integrity():
    first = client.get("lines.csv")
    same(304, client.get("lines.csv", headers={"If-None-Match": first.headers["ETag"]}).status_code)
    same(412, client.post("lines.csv", content=b"x", headers={"If-Match": '"another"'}).status_code)
    same(412, client.post("lines.csv", content=b"x", headers={"If-None-Match": "*"}).status_code)
    same(first.content, client.get("lines.csv").content)
    reply = client.post("digested", content=pieces(DATA), headers={"Repr-Digest": digest_field(DATA)})
    same(200, reply.status_code)
    reply = client.post("digested", content=pieces(DATA[1:]), headers={"Repr-Digest": digest_field(DATA)})
    same(400, reply.status_code)
    reply = client.put("digested", content=b"1", headers={"Want-Repr-Digest": "sha-256=1"})
    same(digest_field(b"1"), reply.headers["Repr-Digest"])
    same(sha256(DATA + b"1"), client.get("digested/sha256").text)
    problem = client.get("none", headers={"Accept": "application/problem+json"}).json()
    same((404, "Not Found"), (problem["status"], problem["title"]))
    raises(httpx.HTTPStatusError, client.get("none").raise_for_status)


@check("asynchronous: 16 uploads at once, 16 downloads in ranges at once")
def at_once():
    async def all_of_it():
        async def body(number):
            for piece in pieces(DATA[number * 1_000_000 : (number + 1) * 1_000_000]):
                yield piece
                await asyncio.sleep(0)

        async with httpx.AsyncClient(base_url=f"{URL}/file/", timeout=60, trust_env=False) as many:
            stored = await asyncio.gather(*(many.post(f"many/{n}", content=body(n)) for n in range(16)))
            same([200] * 16, [reply.status_code for reply in stored])
            parts = await asyncio.gather(*(many.get(f"many/{n}") for n in range(16)))
            same(sha256(DATA[:16_000_000]), sha256(b"".join(part.content for part in parts)))
            size = len(DATA) // 16 + 1
            parts = await asyncio.gather(
                *(many.get("bytes.bin", headers={"Range": f"bytes={n * size}-{(n + 1) * size - 1}"}) for n in range(16))
            )
            same([206] * 16, [reply.status_code for reply in parts])
            same(sha256(DATA), sha256(b"".join(part.content for part in parts)))

    asyncio.run(all_of_it())


finish(
    "httpx",
    httpx.__version__,
    "generators as chunked POST and PUT, streamed downloads resumed by `Range` and `If-Range`, conditions, digests, errors as "
    "JSON, `AsyncClient` with 16 at once",
)
