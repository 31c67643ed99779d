"""What pages can do to a server through the browser that shows them, in a real Chromium.

Run as `pages.py URL STORAGE LOG CHROMIUM PROFILE URL_OF_A_SERVER_THAT_ALLOWS_THE_OTHER_NAME SITE`,
the last being the port of another site (sites.py). What pages of such sites can do is in
origins.py.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "clients"))

from checks import STORAGE, URL, check, finish, same  # noqa: E402
from devtools import Browser  # noqa: E402

CHROMIUM, PROFILE, ALLOWING, SITE = sys.argv[4:8]
PORT = URL.rsplit(":", 1)[1]
# A name of an attacker that leads to this machine.
REBOUND = "rebound.example"


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
SCRIPTED = b"""<!doctype html><script>
const request = new XMLHttpRequest();
request.open('POST', '/file/by-stored-page', false);  // answered before the page has loaded
request.send('x');
</script>"""

FILES = {
    "kept.txt": b"kept",
    "pixel.png": PIXEL,
    "script.js": b"window.fromStore = 'read';",
    "page.html": SCRIPTED,
}


def stored():
    return {path.name: path.read_bytes() for path in STORAGE.iterdir() if path.name != ".http-nas"}


def restore():
    for name in stored().keys() - FILES.keys():
        (STORAGE / name).unlink()
    for name, content in FILES.items():
        (STORAGE / name).write_bytes(content)


def unchanged():
    """Fails where something is changed, and undoes it for the next check."""
    found = stored()
    restore()
    same(FILES, found)


restore()


browser = Browser(CHROMIUM, PROFILE, f"MAP {REBOUND} 127.0.0.1, MAP elsewhere.example 127.0.0.1")

# Each gives back once the browser has the reply, or what it makes of it.
FORM = """
    const frame = document.createElement('iframe');
    frame.name = 'target';
    document.body.append(frame);
    const form = document.createElement('form');
    Object.assign(form, {method: 'POST', action: '%s/file/by-form', target: 'target', enctype: 'text/plain'});
    form.innerHTML = '<input name=a value=b>';
    document.body.append(form);
    await new Promise(resolve => { frame.onload = resolve; form.submit(); });
"""
FETCH = """
    try {
        const reply = await fetch('%s/file/%s', {method: '%s', mode: '%s', body: %s});
        return reply.status + ' ' + (await reply.text()).trim();
    } catch (error) { return 'failed'; }
"""
ELEMENT = """
    const element = document.createElement('%s');
    element.src = '%s/file/%s';
    return await new Promise(resolve => {
        element.onload = () => resolve('loaded');
        element.onerror = () => resolve('refused');
        document.head.append(element);
    });
"""


def in_page(url, script):
    page = browser.page(url)
    try:
        return page.run(script)
    finally:
        page.close()


def fetch(url, at, method="GET", name="kept.txt", mode="cors", body="undefined"):
    return in_page(url, FETCH % (at, name, method, mode, body))


def body_of(url):
    return in_page(url, "return document.body.innerText.trim();")


@check("a page from the store runs no script of its own")
def _():
    same("null", in_page(f"{URL}/file/page.html", "return window.origin;"))
    unchanged()


@check("a rebound name reads nothing")
def _():
    page = f"http://{REBOUND}:{PORT}"
    same("421", fetch(f"{page}/file", page)[:3])
    same("421", fetch(f"{page}/file", page, name="%2F")[:3])
    same("421", body_of(f"{page}/file/kept.txt")[:3])
    same("421", body_of(f"{page}/file/")[:3])
    same("421", body_of(f"{page}/")[:3])


@check("a rebound name changes nothing")
def _():
    page = f"http://{REBOUND}:{PORT}"
    for method, name, body in [
        ("POST", "by-rebinding", "'x'"),
        ("POST", "kept.txt", "'x'"),
        ("PUT", "kept.txt", "'x'"),
        ("PUT", "kept.txt/mv", """'{"path": "moved"}'"""),
        ("DELETE", "kept.txt", "undefined"),
    ]:
        same("421", fetch(f"{page}/file", page, method, name, "cors", body)[:3])
    unchanged()


@check("a link from elsewhere opens a file")
def _():
    page = browser.page(f"http://elsewhere.example:{SITE}/")
    page.run(f"setTimeout(() => location.assign('{URL}/file/kept.txt'));")
    browser.wait_for("Page.loadEventFired", page._session)
    same("kept", page.run("return document.body.innerText;"))
    page.close()


@check("an address that is typed in opens a file")
def _():
    same("kept", body_of(f"{URL}/file/kept.txt"))


# The page that GET /file is, has the server's own origin.
OWN = f"{URL}/file"


@check("a page of the server's own stores, appends, moves, reads and deletes")
def _():
    same("200 OK", fetch(OWN, URL, "POST", "own", "cors", "'a'"))
    same("200 OK", fetch(OWN, URL, "PUT", "own", "cors", "'b'"))
    same("200 OK", fetch(OWN, URL, "PUT", "own/mv", "cors", """'{"path": "own2"}'"""))
    same("200 ab", fetch(OWN, URL, "GET", "own2"))
    same("200 OK", fetch(OWN, URL, "DELETE", "own2"))
    unchanged()


@check("a form of the server's own stores")
def _():
    in_page(OWN, FORM % URL)
    same(b"a=b\r\n", (STORAGE / "by-form").read_bytes())
    same("200 OK", fetch(OWN, URL, "DELETE", "by-form"))
    unchanged()


@check("a page of the server's own shows images and runs scripts")
def _():
    same("loaded", in_page(OWN, ELEMENT % ("img", URL, "pixel.png")))
    same("loaded", in_page(OWN, ELEMENT % ("script", URL, "script.js")))


@check("localhost is another origin than 127.0.0.1, and its own page works as well")
def _():
    local = f"http://localhost:{PORT}"
    same("failed", fetch(f"{local}/file", URL, "DELETE"))
    same("200 OK", fetch(f"{local}/file", local, "POST", "own", "cors", "'a'"))
    same("200 OK", fetch(f"{local}/file", local, "DELETE", "own"))
    unchanged()


@check("a name that is allowed reads and changes")
def _():
    page = f"http://{REBOUND}:{ALLOWING.rsplit(':', 1)[1]}"
    same("200 kept", fetch(f"{page}/file", page))
    same("200 OK", fetch(f"{page}/file", page, "POST", "own", "cors", "'a'"))
    same("200 OK", fetch(f"{page}/file", page, "DELETE", "own"))
    unchanged()


version = browser.version
browser.close()
finish("Chromium", version.split("/")[-1], "what pages of other origins can do")
