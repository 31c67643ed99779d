"""requests: streams in both directions, ranges, conditions, digests, errors and listings."""

import sys
from datetime import datetime, timezone

import requests
import urllib3
from checks import (
    STORAGE,
    URL,
    Log,
    check,
    digest_field,
    finish,
    no_litter,
    pieces,
    raises,
    random_bytes,
    same,
    sha256,
    wait_for,
)

print(f"requests {requests.__version__} (urllib3 {urllib3.__version__}, Python {sys.version.split()[0]})")
session = requests.Session()
TIMEOUT = 60


def ask(method, name, **named):
    return session.request(method, f"{URL}/file/{name}", timeout=TIMEOUT, **named)


DATA = random_bytes(20_000_003)


@check("a generator is sent in chunks: POST stores it, PUT appends it")
def generators():
    reply = ask("POST", "stream.bin", data=pieces(DATA))
    same((200, "OK"), (reply.status_code, reply.text))
    same("chunked", reply.request.headers["Transfer-Encoding"])
    same(sha256(DATA), sha256((STORAGE / "stream.bin").read_bytes()))
    same(200, ask("PUT", "stream.bin", data=pieces(DATA, 70_000)).status_code)
    same(sha256(DATA + DATA), sha256((STORAGE / "stream.bin").read_bytes()))


@check("bytes, files and nothing are sent with their length")
def with_length():
    same(200, ask("POST", "bytes.bin", data=DATA).status_code)
    with open(STORAGE / "bytes.bin", "rb") as file:
        same(200, ask("POST", "from-file.bin", data=file).status_code)
    same(DATA, (STORAGE / "from-file.bin").read_bytes())
    same(200, ask("POST", "nothing").status_code)
    same(b"", (STORAGE / "nothing").read_bytes())
    same(200, ask("POST", "document.json", json={"path": "elsewhere"}).status_code)
    same({"path": "elsewhere"}, ask("GET", "document.json").json())


@check("a generator that raises half-way changes nothing")
def broken_generator():
    def broken():
        yield from pieces(DATA[:5_000_000])
        raise ValueError("the source has failed")

    # The connection of this one is not to be kept.
    raises(ValueError, requests.post, f"{URL}/file/bytes.bin", data=broken(), timeout=TIMEOUT)
    raises(ValueError, requests.put, f"{URL}/file/bytes.bin", data=broken(), timeout=TIMEOUT)
    raises(ValueError, requests.post, f"{URL}/file/broken.bin", data=broken(), timeout=TIMEOUT)
    no_litter()
    same(DATA, ask("GET", "bytes.bin").content)
    same(404, ask("GET", "broken.bin").status_code)


@check("iter_content streams a file; raw does too")
def downloads():
    with ask("GET", "bytes.bin", stream=True) as reply:
        same(str(len(DATA)), reply.headers["Content-Length"])
        same("application/octet-stream", reply.headers["Content-Type"])
        same(DATA, b"".join(reply.iter_content(65_537)))
    with ask("GET", "bytes.bin", stream=True) as reply:
        same(DATA[:1000], reply.raw.read(1000))
        same(DATA[1000:], reply.raw.read())


@check("Range, with If-Range from the reply before")
def ranges():
    reply = ask("GET", "bytes.bin", headers={"Range": "bytes=1000000-1999999"})
    same((206, f"bytes 1000000-1999999/{len(DATA)}"), (reply.status_code, reply.headers["Content-Range"]))
    same(DATA[1000000:2000000], reply.content)
    again = {"Range": "bytes=-5", "If-Range": reply.headers["ETag"]}
    same(DATA[-5:], ask("GET", "bytes.bin", headers=again).content)
    ask("PUT", "bytes.bin", data=b"more")
    same((200, DATA + b"more"), (lambda r: (r.status_code, r.content))(ask("GET", "bytes.bin", headers=again)))
    reply = ask("GET", "bytes.bin", headers={"Range": "bytes=99999999-"})
    same((416, f"bytes */{len(DATA) + 4}"), (reply.status_code, reply.headers["Content-Range"]))


@check("If-None-Match and If-Modified-Since: 304 without a body; If-Match on a write: 412")
def conditions():
    first = ask("GET", "document.json")
    log = Log("document.json")
    for headers in ({"If-None-Match": first.headers["ETag"]}, {"If-Modified-Since": first.headers["Last-Modified"]}):
        reply = ask("GET", "document.json", headers=headers)
        same((304, b"", first.headers["ETag"]), (reply.status_code, reply.content, reply.headers["ETag"]))
    log.has("GET", 304, 0)
    unchanged = {"If-Match": first.headers["ETag"]}
    same(200, ask("POST", "document.json", json=[1], headers=unchanged).status_code)
    same(412, ask("POST", "document.json", json=[2], headers=unchanged).status_code)
    same(412, ask("POST", "document.json", json=[3], headers={"If-None-Match": "*"}).status_code)
    same([1], ask("GET", "document.json").json())


@check("Repr-Digest and Content-Digest of a stream are checked; Want-Repr-Digest and sha256 tell")
def digests():
    right, wrong = digest_field(DATA), digest_field(DATA[1:])
    for field in ("Repr-Digest", "Content-Digest"):
        same(200, ask("POST", field, data=pieces(DATA), headers={field: right}).status_code)
        same(DATA, (STORAGE / field).read_bytes())
        # It is refused at the end of the body, so the reply comes through.
        same(400, ask("POST", field, data=pieces(DATA), headers={field: wrong}).status_code)
        same(400, ask("PUT", field, data=DATA, headers={field: wrong}).status_code)
        same(DATA, (STORAGE / field).read_bytes())
        same(400, ask("POST", "differs", data=DATA, headers={field: wrong}).status_code)
        same(404, ask("GET", "differs").status_code)
    reply = ask("POST", "wanted", data=pieces(DATA), headers={"Want-Repr-Digest": "sha-256=1"})
    same(right, reply.headers["Repr-Digest"])
    same(sha256(DATA), ask("GET", "wanted/sha256").text)
    no_litter()


@check("an append that is tried twice is done once: Content-Range, 416 with the length")
def exactly_once():
    ask("POST", "once", data=b"abc")
    place = {"Content-Range": "bytes 3-5/6"}
    same(200, ask("PUT", "once", data=b"def", headers=place).status_code)
    reply = ask("PUT", "once", data=b"def", headers=place)
    same((416, "bytes */6"), (reply.status_code, reply.headers["Content-Range"]))
    # The length of a generator is not known before its end, but FIRST is.
    same(200, ask("PUT", "once", data=iter([b"g", b"hi"]), headers={"Content-Range": "bytes 6-8/*"}).status_code)
    same(400, ask("PUT", "once", data=iter([b"j", b"kl"]), headers={"Content-Range": "bytes 9-10/*"}).status_code)
    same("abcdefghi", ask("GET", "once").text)


@check("errors as JSON: title, status and detail")
def errors():
    cases = [
        ("GET", "none.csv", 404, {}),
        ("PUT", "none.csv", 404, {"data": b"x"}),
        ("GET", "a%00b", 400, {}),
        ("POST", "..%2Fx", 400, {"data": b"x"}),
        ("PUT", "once/mv", 400, {"data": b"not JSON"}),
        ("GET", "folder/sha256", 409, {}),
        ("PATCH", "once", 405, {}),
    ]
    ask("POST", "folder/")
    for kind in ("application/problem+json", "application/json"):
        for method, name, status, named in cases:
            reply = ask(method, name, headers={"Accept": kind}, **named)
            same((status, True), (reply.status_code, reply.headers["Content-Type"].startswith("application/problem+json")))
            problem = reply.json()
            same(status, problem["status"])
            if not problem["title"] or str(STORAGE) in reply.text:
                raise AssertionError(reply.text)
    same("404 Not Found", ask("GET", "none.csv").text[:13])


@check("a folder as JSON: names, types, sizes and times")
def listing():
    names = ["a.csv", "ümlaut 1.txt", "q'\"uote", "sub/x"]
    for name in names:
        same(200, ask("POST", f"listed/{requests.utils.quote(name)}", data=name.encode()).status_code)
    (STORAGE / "listed" / "link").symlink_to("a.csv")
    reply = ask("GET", "listed", headers={"Accept": "application/json"})
    same("application/json", reply.headers["Content-Type"].split(";")[0])
    entries = {entry["name"]: entry for entry in reply.json()}
    same(sorted(["a.csv", "link", "q'\"uote", "sub", "ümlaut 1.txt"], key=str.encode), [e["name"] for e in reply.json()])
    same(
        {"a.csv": "file", "link": "symlink", "q'\"uote": "file", "sub": "directory", "ümlaut 1.txt": "file"},
        {name: entry["type"] for name, entry in entries.items()},
    )
    same(5, entries["a.csv"]["size"])
    modified = datetime.fromisoformat(entries["a.csv"]["modified"])
    same(timezone.utc, modified.tzinfo)
    same(int((STORAGE / "listed" / "a.csv").stat().st_mtime), int(modified.timestamp()))
    same([e.encode() for e in sorted(entries, key=str.encode)], ask("GET", "listed").content.splitlines())


@check("one connection for all of a session's requests, 304, 416 and 404 among them")
def kept():
    log = Log("once")
    address = f"{URL}/file/once"
    with requests.Session() as own:
        etag = own.head(address, timeout=TIMEOUT).headers["ETag"]
        for _ in range(20):
            same(200, own.get(address, timeout=TIMEOUT).status_code)
            same(304, own.get(address, headers={"If-None-Match": etag}, timeout=TIMEOUT).status_code)
            same(206, own.get(address, headers={"Range": "bytes=0-0"}, timeout=TIMEOUT).status_code)
            same(416, own.get(address, headers={"Range": "bytes=99-"}, timeout=TIMEOUT).status_code)
            same(404, own.get(f"{address}-more", timeout=TIMEOUT).status_code)
            same(200, own.post(f"{address}-kept", data=b"x", timeout=TIMEOUT).status_code)
    wait_for(20, lambda: len(log.fields("GET")) == 80)
    # The server knows a connection by its port.
    same(1, len({fields["client"] for fields in log.fields("GET")}))


@check("mv, cp, wc, HEAD and DELETE")
def operations():
    ask("POST", "lines.csv", data=b"a\nb\nc\n")
    same("3", ask("GET", "lines.csv/wc").text)
    same(200, ask("PUT", "lines.csv/cp", json={"path": "copies/lines.csv"}).status_code)
    same(200, ask("PUT", "lines.csv/mv", json={"path": "moved.csv"}).status_code)
    same((404, 200), (ask("HEAD", "lines.csv").status_code, ask("HEAD", "moved.csv").status_code))
    same("6", ask("HEAD", "copies/lines.csv").headers["Content-Length"])
    same(200, ask("DELETE", "copies").status_code)
    same(404, ask("GET", "copies").status_code)


finish(
    "requests",
    requests.__version__,
    "generators as chunked POST and PUT, streamed downloads, `Range`, conditions, digests, exactly-once appends, errors and "
    "listings as JSON, one connection for a session",
)
