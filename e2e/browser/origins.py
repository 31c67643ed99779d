"""Whatever a page of another origin tries, it changes nothing and sees nothing, unless the server
allows its origin; in a real Chromium.

Run as `origins.py CHROMIUM PROFILE ALLOWED OTHER SERVER...`: the ports of two sites (sites.py), and
for each of three servers URL, STORAGE and LOG. The first allows no origin, the second and third
that of the first site at 127.0.0.1; the third has tokens, of which $TOKEN, of "user", may do
everything.
"""

import json
import os
import pathlib
import re
import sys

CHROMIUM, PROFILE, ALLOWED_PORT, OTHER_PORT = sys.argv[1:5]
SERVERS = [sys.argv[at : at + 3] for at in (5, 8, 11)]
# As checks.py reads them.
sys.argv[1:] = SERVERS[0]
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "clients"))

from checks import check, finish, same, wait_for  # noqa: E402
from devtools import Browser  # noqa: E402

TOKEN = os.environ["TOKEN"]
TRIES = (pathlib.Path(__file__).parent / "tries.js").read_text(encoding="utf-8")
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
FILES = {
    "kept.txt": b"content",
    "pixel.png": PIXEL,
    "script.js": b"self.fromStore = 'content';",
    "style.css": b":root { --from-store: content; }",
    "page.html": b"<!doctype html><iframe></iframe>content",
    "data.json": b"{}",
    "a.dump": b"content",
    "folder/a": b"content",
}
# What is there, and what is not but is called alike: by all that a page sees, they have to be the
# same.
PAIRS = [(f"file/{name}", f"file/not-{name}") for name in FILES]
PAIRS += [(f"file/{name}", f"file/not-{name}") for name in ("folder", "folder/", "folder/tar", "kept.txt/wc")]
PAIRS += [("file/%2F", "file/none"), ("transfers", "none")]
# Those of which no browser makes a download, whose end a page is not told.
SHOWN = PAIRS[:5]
# What a page of the server's own cannot use to tell them apart, either.
NEVER_TELLING = {"events", "eventsWithCredentials", "fetchRedirected"}
# Without a right, of another origin, no method of the server; a form, which is refused for that.
REFUSED = (401, 403, 405, 415)
LINE = re.compile(r' method=(\S+) name="([^"]*)" status=(\d+) .*?(?: cause="(.*)")?$')


class Server:
    def __init__(self, url, storage, log):
        self.url, self.storage, self.log = url, pathlib.Path(storage), pathlib.Path(log)
        self.restore()

    def restore(self):
        for path in sorted(self.storage.rglob("*"), reverse=True):
            if ".http-nas" not in path.parts:
                path.rmdir() if path.is_dir() else path.unlink()
        (self.storage / "folder").mkdir()
        for name, content in FILES.items():
            self.place(name, content)

    def place(self, name, content):
        (self.storage / name).write_bytes(content)

    def stored(self):
        """All that is there, with contents; that something was replaced shows in inode and time."""
        found = {}
        for path in self.storage.rglob("*"):
            if ".http-nas" not in path.parts:
                about = path.lstat()
                content = path.read_bytes() if path.is_file() else None
                found[str(path.relative_to(self.storage))] = (content, about.st_ino, about.st_mtime_ns)
        return found

    def lines(self, start, name):
        """(method, status, cause) of the requests for a name that have ended since the log had this length."""
        text = self.log.read_bytes()[start:].decode()
        found = [LINE.search(line) for line in text.splitlines() if " request " in line]
        return [(line[1], int(line[3]), line[4] or "") for line in found if line and name in line[2]]

    def length(self):
        return self.log.stat().st_size


class Visited:
    """A page that has the tries in it."""

    def __init__(self, url):
        self.page = browser.page(url)
        self.page.run(f"{TRIES}; Object.assign(window, {{writes, reads, seeAll, use}});")

    def names(self, of):
        return self.page.run(f"return Object.keys({of})")

    def call(self, function, *arguments):
        arguments = ", ".join(map(json.dumps, arguments))
        return self.page.run(f"return await {function}({arguments})")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.page.close()


def writes_nothing(page, server, credentials):
    """No try to write changes anything, and each is refused. Gives the causes in the log."""
    faults, causes = [], set()
    with Visited(page) as visited:
        for name in visited.names("writes"):
            target = f"for-{name}"
            server.place(target, b"content")
            before, start = server.stored(), server.length()
            seen = visited.call(f"writes.{name}", f"{server.url}/file/{target}", credentials)
            try:
                lines = wait_for(10, lambda: server.lines(start, target))
            except AssertionError:
                faults.append(f"{name}: nothing came")
                continue
            causes.update(cause for _, _, cause in lines)
            # An allowed origin may ask what it may send.
            if not all(status in REFUSED or (method, status) == ("OPTIONS", 204) for method, status, _ in lines):
                faults.append(f"{name}: {lines}")
            if "200" in str(seen):
                faults.append(f"{name}: the page saw {seen}")
            if server.stored() != before:
                faults.append(f"{name}: it wrote")
                server.restore()
    server.restore()
    same([], faults)
    return causes


def all_seen(page, server, pairs):
    """What each try to read sees of each pair."""
    pairs = [[f"{server.url}/{target}" for target in pair] for pair in pairs]
    with Visited(page) as visited:
        return {name: [visited.call("seeAll", name, pair) for pair in pairs] for name in visited.names("reads")}


def telling(seen):
    """The tries that tell what is there from what is not."""
    return {name for name, pairs in seen.items() if any(one != other for one, other in pairs)}


def sees_nothing(page, server, pairs=PAIRS):
    seen = all_seen(page, server, pairs)
    same(set(), telling(seen))
    same([], [name for name, pairs in seen.items() if "content" in str(pairs)])


browser = Browser(CHROMIUM, PROFILE, "MAP elsewhere.example 127.0.0.1")
plain, allowing, guarded = (Server(*server) for server in SERVERS)
ALLOWED = f"http://127.0.0.1:{ALLOWED_PORT}/"
OTHER = f"http://127.0.0.1:{OTHER_PORT}/"


# So that a try that sees nothing is not one that never sees anything.
@check("a page of the server's own tells what is there by each try to read")
def _():
    seen = all_seen(f"{plain.url}/file", plain, SHOWN)
    same(NEVER_TELLING, seen.keys() - telling(seen))


LOCALHOST = f"http://localhost:{ALLOWED_PORT}/"
for where, page, server in [
    ("another port", ALLOWED, plain),
    ("localhost in place of 127.0.0.1", LOCALHOST, plain),
    ("another host", f"http://elsewhere.example:{ALLOWED_PORT}/", plain),
    ("another origin than the allowed one", OTHER, allowing),
]:

    @check(f"{where}: no try to write changes anything")
    def _():
        writes_nothing(page, server, "same-origin")
        writes_nothing(page, server, "include")

    @check(f"{where}: no try to read shows anything")
    def _():
        sees_nothing(page, server)


@check("another name of the allowed origin: no try to write changes anything")
def _():
    writes_nothing(LOCALHOST, allowing, "same-origin")


@check("a policy that is broken elsewhere has its report stored by no server")
def _():
    before, start = allowing.stored(), allowing.length()
    browser.page(f"{OTHER}reporting?{allowing.url}/file/by-report").close()
    wait_for(10, lambda: allowing.lines(start, "by-report"))
    same([403], [status for _, status, _ in allowing.lines(start, "by-report")])
    same(before, allowing.stored())


@check("the allowed origin sees what it asks for by CORS, and nothing by frames or with credentials")
def _():
    seen = all_seen(ALLOWED, allowing, SHOWN)
    with_cors = {"fetch", "fetchInWorker", "fetchRange", "fetchRedirected", "fetchToken", "head", "request"}
    with_cors |= {"imageWithCors", "scriptWithCors", "module", "styleWithCors", "font"}
    same(with_cors, telling(seen))


def use(page, server, method, name, fields=None, body=None):
    """What a page sees of a reply: status, some fields, text."""
    with Visited(page) as visited:
        return visited.call("use", f"{server.url}/file/{name}", method, fields or {}, body)


def uses(page, server, fields):
    """A page does all that it may do, and sees the replies."""

    def ask(method, name, body=None, **more):
        return use(page, server, method, name, fields | {key.replace("_", "-"): it for key, it in more.items()}, body)

    def done(*arguments, **more):
        status, _, text = ask(*arguments, **more)
        same((200, "OK"), (status, text))

    done("POST", "new", "a")
    done("PUT", "new", "b", Content_Range="bytes 1-1/2")
    done("PUT", "new/cp", '{"path": "copied"}')
    done("PUT", "new/mv", '{"path": "moved"}')
    done("POST", "made/")
    status, shown, text = ask("GET", "moved")
    same((200, "ab"), (status, text))
    tag = shown["ETag"]
    same(True, shown["X-Request-Id"] is not None and tag is not None)
    status, shown, text = ask("GET", "moved", Range="bytes=1-")
    same((206, "b", "bytes 1-1/2"), (status, text, shown["Content-Range"]))
    done("POST", "moved", "again", If_Match=tag, Content_Type="application/json")
    # Errors are seen, too.
    same(412, ask("POST", "moved", "lost", If_Match=tag)[0])
    same(404, ask("GET", "missing")[0])
    status, shown, _ = ask("POST", "moved/wc")
    same((405, "GET, HEAD"), (status, shown["Allow"]))
    for name in ("moved", "copied", "made"):
        done("DELETE", name)
    same(sorted([*FILES, "folder"]), sorted(server.stored()))


@check("the allowed origin stores, appends, copies, moves, reads and deletes")
def _():
    uses(ALLOWED, allowing, {})


@check("with tokens, a page of the allowed origin does all that with its own")
def _():
    uses(ALLOWED, guarded, {"Authorization": f"Bearer {TOKEN}"})
    same(401, use(ALLOWED, guarded, "GET", "kept.txt")[0])
    same(401, use(ALLOWED, guarded, "DELETE", "kept.txt", {"Authorization": "Bearer other"})[0])


@check("the browser keeps a password for the server, and uses it for the server's own pages")
def _():
    at = guarded.url.replace("://", f"://user:{TOKEN}@")
    browser.page(f"{at}/file/kept.txt").close()
    with Visited(f"{guarded.url}/file/kept.txt") as visited:
        same("content", visited.page.run("return document.body.innerText.trim()"))


for where, page in [("another origin", OTHER), ("the allowed origin", ALLOWED)]:

    @check(f"{where}: no try to write uses the password that the browser keeps")
    def _():
        writes_nothing(page, guarded, "same-origin")
        causes = writes_nothing(page, guarded, "include")
        if page == ALLOWED:
            same(True, any("may be the browser's" in cause for cause in causes))

    @check(f"{where}: no try to read does")
    def _():
        # A page of the allowed origin is told of paths that lead nowhere, for which there are no rights.
        sees_nothing(page, guarded, [pair for pair in PAIRS if pair[1] != "none"])


version = browser.version
browser.close()
finish("Chromium", version.split("/")[-1], "pages of other origins")
