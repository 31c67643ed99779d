"""A server that asks for tokens in a real Chromium: what a browser that has been given one can do, and without.

Run as `tokens.py URL STORAGE LOG CHROMIUM PROFILE TOKENS OTHER`: TOKENS is a folder with the tokens
of reader, who may read the folder tree, and of writer, who may read and write everything, in files
of these names; OTHER is the port of pages that are not the server's.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "clients"))

from checks import STORAGE, URL, Log, check, finish, same, wait_for  # noqa: E402
from devtools import Browser  # noqa: E402

CHROMIUM, PROFILE, TOKENS, OTHER = sys.argv[4:8]


def token_of(name):
    return (pathlib.Path(TOKENS) / name).read_text().strip()


(STORAGE / "tree" / "deep").mkdir(parents=True)
for file in ("tree/a.txt", "tree/deep/b.txt", "secret.txt"):
    (STORAGE / file).write_text(f"this is {file}")

browsers = 0


def started():
    """A browser that has not been given a token."""
    global browsers
    browsers += 1
    return Browser(CHROMIUM, f"{PROFILE}-{browsers}", "MAP nothing 127.0.0.1")


def address_of(name, token, path):
    return URL.replace("://", f"://{name}:{token}@") + path


FETCH = """
    const reply = await fetch('%s', %s);
    return reply.status + ' ' + (await reply.text()).trim();
"""
FORM = """
    const frame = document.createElement('iframe');
    frame.name = 'target';
    document.body.append(frame);
    const form = document.createElement('form');
    Object.assign(form, {method: 'POST', action: '%s', target: 'target', enctype: 'text/plain'});
    form.innerHTML = '<input name=a value=b>';
    document.body.append(form);
    await new Promise(resolve => { frame.onload = resolve; form.submit(); });
"""
TEXT = "return document.body.innerText.trim();"
browser = started()


@check("an address with a token shows a folder, and its links lead on with it")
def _():
    # 302 leads to the address with a final slash.
    page = browser.page(address_of("reader", token_of("reader"), "/file/tree"))
    same(f"{URL}/file/tree/", page.run("return location.href;"))
    for link, shown in [("deep/", "b.txt"), ("b.txt", "this is tree/deep/b.txt")]:
        page.run(f"setTimeout(() => document.querySelector('a[href=\"{link}\"]').click());")
        browser.wait_for("Page.loadEventFired", page._session)
        same(True, shown in page.run(TEXT))
    page.close()


# Whose page may ask for what it likes: pages of folders may not.
OWN = f"{URL}/file"


def fetch(path, options="{}"):
    page = browser.page(OWN)
    try:
        return page.run(FETCH % (path, options))
    finally:
        page.close()


@check("the browser keeps the token: what a page asks for has it, and no more than its rights")
def _():
    same("200 this is tree/a.txt", fetch("/file/tree/a.txt"))
    same("403 403 Forbidden", fetch("/file/secret.txt")[:17])
    same("403 403 Forbidden", fetch("/file/tree/new", "{method: 'POST', body: 'x'}")[:17])


@check("a page of the server's own sends another token by itself, and stores with it")
def _():
    bearer = f"headers: {{Authorization: 'Bearer {token_of('writer')}'}}"
    same("200 OK", fetch("/file/new", f"{{method: 'POST', body: 'x', {bearer}}}"))
    same(b"x", (STORAGE / "new").read_bytes())


@check("a page of another port cannot use the token that the browser keeps")
def _():
    # With the rights to do so.
    browser.page(address_of("writer", token_of("writer"), "/file/tree/")).close()
    page = browser.page(f"http://127.0.0.1:{OTHER}/")
    page.run(FORM % f"{URL}/file/by-form")
    attempt = "try { await fetch('%s', %s); } catch (error) { return 'failed'; } return 'answered';"
    options = "{method: 'POST', body: 'x', mode: 'no-cors', credentials: 'include'}"
    same("failed", page.run(attempt % (f"{URL}/file/by-fetch", options)))
    same("failed", page.run(attempt % (f"{URL}/file/secret.txt", "{credentials: 'include'}")))
    page.close()
    same({"tree", "secret.txt", "new", ".http-nas"}, {path.name for path in STORAGE.iterdir()})


@check("without a token, the browser asks for one, and the page says so if there is none")
def _():
    other = started()
    page, asked = other.page_that_asks(f"{URL}/file/tree/", "", "")
    same((1, "401 Unauthorized: this takes a token"), (asked, page.run(TEXT)[:36]))
    other.close()


@check("a token that is given when the browser asks shows the folder, and is kept")
def _():
    other = started()
    page, asked = other.page_that_asks(f"{URL}/file/tree/", "reader", token_of("reader"))
    same((1, True), (asked, "a.txt" in page.run(TEXT)))
    other.page(f"{URL}/file/tree/a.txt").close()
    other.close()


@check("a wrong token is asked for again, and sent once each time")
def _():
    other = started()
    log = Log("tree")
    page, asked = other.page_that_asks(f"{URL}/file/tree/", "reader", "wrong")
    same((4, "401 Unauthorized: the token is not one of this server"), (asked, page.run(TEXT)[:53]))
    wait_for(20, lambda: len(log.replies("GET")) >= 4)
    same([401] * 4, [status for status, _ in log.settled("GET")])
    other.close()


version = browser.version
browser.close()
finish("Chromium", version.split("/")[-1], "tokens in the address, asked for, kept, and sent by a page")
