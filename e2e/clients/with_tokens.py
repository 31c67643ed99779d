"""The clients in Python with tokens: each way to send one, and the error where it is missing, wrong or not enough.

The server asks for tokens: that of the writer may do everything, that of the reader may read the
folder tree, and the stranger's is none of this server's.
"""

import contextlib
import io
import itertools
import os
import pathlib
import sys
import urllib.error
import urllib.request

import aiohttp
import duckdb
import duckdb_extension_httpfs
import fsspec
import httpx
import pandas
import pyarrow
import pyarrow.parquet
import requests
from checks import STORAGE, URL, Log, check, finish, pieces, raises, random_bytes, same, wait_for, works_with

TOKENS = STORAGE.parent / "tokens"
WRITER, READER, STRANGER = ((TOKENS / name).read_text().strip() for name in ("writer", "reader", "stranger"))
A = f"{URL}/file/tree/a.csv"
SECRET = f"{URL}/file/secret.csv"
CONTENT = (STORAGE / "tree" / "a.csv").read_bytes()
DATA = random_bytes(5_000_003)
TIMEOUT = 60
NUMBERS = itertools.count()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@contextlib.contextmanager
def netrc(name):
    """Has requests find this .netrc."""
    os.environ["NETRC"] = str(TOKENS / f"{name}.netrc")
    yield
    del os.environ["NETRC"]


@contextlib.contextmanager
def refused(folder, method="GET", most=2):
    """An address that is asked for in a block, a few times at most: what is refused is not tried again and again.

    It is a new one, so that no other request counts. Nothing is there: that is not told to whoever has no right.
    """
    name = f"{folder}/refused-{next(NUMBERS)}"
    log = Log(name)
    yield f"{URL}/file/{name}"
    wait_for(20, lambda: log.replies(method))
    same(True, len(log.settled(method)) <= most)


def all_of_it(ask):
    """Stores, appends, reads and deletes by a function of method, address and content, which gives status and content."""
    address = f"{URL}/file/new/{next(NUMBERS)}"
    same((200, b"OK"), ask("POST", address, DATA))
    same((200, b"OK"), ask("PUT", address, b"more"))
    same((200, DATA + b"more"), ask("GET", address, None))
    same((200, b"OK"), ask("DELETE", address, None))


# --- requests -------------------------------------------------------------------------------------


def by_requests(session, **named):
    def ask(method, address, content):
        reply = session.request(method, address, data=content, timeout=TIMEOUT, **named)
        return reply.status_code, reply.content

    return ask


@check("requests: auth=, headers=, a session's auth, a .netrc, and the address")
def requests_ways():
    all_of_it(by_requests(requests, auth=("writer", WRITER)))
    all_of_it(by_requests(requests, headers=bearer(WRITER)))
    with requests.Session() as session:
        session.auth = ("writer", WRITER)
        all_of_it(by_requests(session))
    with requests.Session() as session:
        session.headers.update(bearer(WRITER))
        all_of_it(by_requests(session))
    with netrc("writer"):
        all_of_it(by_requests(requests))
    in_address = A.replace("://", f"://reader:{READER}@")
    same(CONTENT, requests.get(in_address, timeout=TIMEOUT).content)


@check("requests: the token of a .netrc takes the place of one in headers=")
def requests_netrc():
    with netrc("stranger"):
        same(401, requests.get(A, headers=bearer(READER), timeout=TIMEOUT).status_code)
        same(200, requests.get(A, auth=("reader", READER), timeout=TIMEOUT).status_code)


@check("requests: the token goes along to the page of a folder, and a stream needs it, too")
def requests_redirect():
    reply = requests.get(
        f"{URL}/file/tree", headers=bearer(READER) | {"Accept": "text/html"}, timeout=TIMEOUT
    )
    same((200, [302]), (reply.status_code, [step.status_code for step in reply.history]))
    same(True, 'href="a.csv"' in reply.text)
    reply = requests.post(f"{URL}/file/stream", data=pieces(DATA), auth=("writer", WRITER), timeout=TIMEOUT)
    same((200, DATA), (reply.status_code, (STORAGE / "stream").read_bytes()))


@check("requests: 401 and 403 are errors that say what is missing, also for a stream that is sent")
def requests_refused():
    with refused("tree") as address:
        reply = requests.get(address, auth=("reader", STRANGER), timeout=TIMEOUT)
        error = raises(requests.HTTPError, reply.raise_for_status)
        same(True, "401 Client Error: Unauthorized" in str(error))
        same(True, "the token is not one of this server" in reply.text)
    reply = requests.get(A, headers={"Accept": "application/json"}, timeout=TIMEOUT)
    same((401, 401, "Unauthorized"), (reply.status_code, reply.json()["status"], reply.json()["title"]))
    with refused("tree", "POST") as address:
        reply = requests.post(address, data=pieces(DATA), auth=("reader", READER), timeout=TIMEOUT)
        error = raises(requests.HTTPError, reply.raise_for_status)
        same(True, "403 Client Error: Forbidden" in str(error) and "takes the right" in reply.text)


# --- httpx ----------------------------------------------------------------------------------------


def by_httpx(**named):
    def ask(method, address, content):
        reply = httpx.request(method, address, content=content, timeout=TIMEOUT, trust_env=False, **named)
        return reply.status_code, reply.content

    return ask


@check("httpx: auth=, headers=, NetRCAuth, and the address; 401 and 403 are errors")
def with_httpx():
    all_of_it(by_httpx(auth=("writer", WRITER)))
    all_of_it(by_httpx(headers=bearer(WRITER)))
    all_of_it(by_httpx(auth=httpx.NetRCAuth(TOKENS / "writer.netrc")))
    in_address = A.replace("://", f"://reader:{READER}@")
    same(CONTENT, httpx.get(in_address, trust_env=False).content)
    page = httpx.get(
        f"{URL}/file/tree", headers={"Accept": "text/html"}, auth=("reader", READER), follow_redirects=True
    )
    same((200, 1), (page.status_code, len(page.history)))
    with refused("tree") as address:
        error = raises(httpx.HTTPStatusError, httpx.get(address, auth=("reader", STRANGER)).raise_for_status)
        same(True, "401 Unauthorized" in str(error))
    with refused("secret") as address:
        error = raises(httpx.HTTPStatusError, httpx.get(address, auth=("reader", READER)).raise_for_status)
        same(True, "403 Forbidden" in str(error))


# --- urllib ---------------------------------------------------------------------------------------


def by_urllib(opener, headers):
    def ask(method, address, content):
        request = urllib.request.Request(address, data=content, headers=headers, method=method)
        with opener.open(request, timeout=TIMEOUT) as reply:
            return reply.status, reply.read()

    return ask


def opener_for(name, token):
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, URL, name, token)
    return urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))


@check("urllib: a header, and HTTPBasicAuthHandler; 401 and 403 are errors")
def with_urllib():
    all_of_it(by_urllib(urllib.request.build_opener(), bearer(WRITER)))
    all_of_it(by_urllib(opener_for("writer", WRITER), {}))
    with refused("tree") as address:
        error = raises(urllib.error.HTTPError, opener_for("reader", STRANGER).open, address, timeout=TIMEOUT)
        same((401, "Unauthorized"), (error.code, error.reason))
    with refused("secret") as address:
        error = raises(urllib.error.HTTPError, opener_for("reader", READER).open, address, timeout=TIMEOUT)
        same(True, error.code == 403 and b"takes the right" in error.read())


# --- fsspec, pandas, pyarrow ------------------------------------------------------------------------


def file_system(**named):
    return fsspec.filesystem("http", skip_instance_cache=True, **named)


extension = next(
    pathlib.Path(duckdb_extension_httpfs.__path__[0]).glob(f"extensions/v{duckdb.__version__}/httpfs.duckdb_extension")
)


def database(secret):
    db = duckdb.connect()
    db.execute(f"LOAD '{extension}'")
    # A scope of its own: the token goes to no other server.
    db.execute(f"CREATE SECRET nas (TYPE http, SCOPE '{URL}', {secret})")
    return db


PAGES = {"Accept": "text/html"}
pathlib.Path("local").write_bytes(DATA)


@check("fsspec: headers=, and client_kwargs with a user; lists, find, glob, ranges and put_file")
def with_fsspec():
    for http in (
        file_system(headers=PAGES | bearer(READER)),
        file_system(headers=PAGES, client_kwargs={"auth": aiohttp.BasicAuth("reader", READER)}),
    ):
        same(CONTENT, http.cat_file(A))
        same(CONTENT[-100:], http.cat_file(A, start=-100))
        same([A], http.glob(f"{URL}/file/tree/a.*"))
        same(3, len(http.find(f"{URL}/file/tree/")))
        same(True, A in http.ls(f"{URL}/file/tree", detail=False))
    file_system(headers=bearer(WRITER)).put_file("local", f"{URL}/file/put", method="post")
    same(DATA, (STORAGE / "put").read_bytes())


@check("fsspec: 401 and 403 are errors; open calls both FileNotFoundError, and exists False")
def fsspec_refused():
    http = file_system(headers=bearer(STRANGER))
    with refused("tree") as address:
        error = raises(aiohttp.ClientResponseError, http.cat_file, address)
        same(401, error.status)
    raises(aiohttp.ClientResponseError, http.ls, f"{URL}/file/tree/")
    with refused("tree", "POST") as address:
        error = raises(aiohttp.ClientResponseError, http.put_file, "local", address, method="post")
        same(401, error.status)
    error = raises(FileNotFoundError, http.open, A)
    same(401, error.__cause__.status)
    error = raises(FileNotFoundError, file_system(headers=bearer(READER)).open, SECRET)
    same(403, error.__cause__.status)
    same(False, http.exists(A))


@check("pandas: read_csv with storage_options, which are headers; 401 and 403 are errors")
def with_pandas():
    expected = pandas.read_csv(io.BytesIO(CONTENT), header=None)
    found = pandas.read_csv(A, header=None, storage_options=bearer(READER))
    pandas.testing.assert_frame_equal(expected, found)
    with refused("tree") as address:
        error = raises(urllib.error.HTTPError, pandas.read_csv, address, storage_options=bearer(STRANGER))
        same("HTTP Error 401: Unauthorized", str(error))
    error = raises(urllib.error.HTTPError, pandas.read_csv, SECRET, storage_options=bearer(READER))
    same("HTTP Error 403: Forbidden", str(error))


@check("fsspec and DuckDB take a token in the address; urllib and pandas do not")
def not_in_address():
    address = A.replace("://", f"://reader:{READER}@")
    raises(OSError, urllib.request.urlopen, address, timeout=TIMEOUT)
    raises(OSError, pandas.read_csv, address)
    same(CONTENT, file_system().cat_file(address))
    db = database("EXTRA_HTTP_HEADERS MAP {}")
    same([(20000,)], db.execute(f"SELECT count(*) FROM read_csv('{address}')").fetchall())


@check("pyarrow: parquet over fsspec's file system with headers=")
def with_pyarrow():
    pyarrow.parquet.write_table(pyarrow.table({"n": range(1000)}), STORAGE / "tree" / "n.parquet")
    address = f"{URL}/file/tree/n.parquet"
    with file_system(headers=bearer(READER)).open(address) as file:
        same(list(range(1000)), pyarrow.parquet.read_table(file).column("n").to_pylist())


# --- DuckDB -----------------------------------------------------------------------------------------

@check("DuckDB: CREATE SECRET with BEARER_TOKEN or EXTRA_HTTP_HEADERS")
def with_duckdb():
    for secret in (f"BEARER_TOKEN '{READER}'", f"EXTRA_HTTP_HEADERS MAP {{'Authorization': 'Bearer {READER}'}}"):
        db = database(secret)
        same([(1000, 499500)], db.execute(f"SELECT count(*), sum(n) FROM '{URL}/file/tree/n.parquet'").fetchall())
        same([(20000,)], db.execute(f"SELECT count(*) FROM read_csv('{A}')").fetchall())


@check("DuckDB: 401 and 403 are errors after a few tries; with force_download it says which they are")
def duckdb_refused():
    for token, folder, status in ((STRANGER, "tree", "401 Unauthorized"), (READER, "secret", "403 Forbidden")):
        db = database(f"BEARER_TOKEN '{token}'")
        with refused(folder, most=6) as address:
            error = raises(duckdb.HTTPException, db.execute, f"FROM read_csv('{address}')")
            same(True, address in str(error))
        db.execute("SET force_download = true")
        error = raises(duckdb.HTTPException, db.execute, f"FROM read_csv('{address}')")
        same(True, status in str(error))


@check("no token is in the log")
def not_logged():
    log = pathlib.Path(sys.argv[3]).read_text()
    same([False] * 3, [token in log for token in (WRITER, READER, STRANGER)])


what = "; 401 and 403 are errors at once"
works_with("requests", requests.__version__, f"tokens by `auth=`, `headers=`, `Session.auth`, `.netrc` and in the address{what}")
works_with("httpx", httpx.__version__, f"tokens by `auth=`, `headers=`, `NetRCAuth` and in the address{what}")
works_with("urllib", sys.version.split()[0], f"tokens by a header and `HTTPBasicAuthHandler`{what}")
works_with("fsspec", fsspec.__version__, f"tokens by `headers=`, `client_kwargs` and in the address{what}; `pyarrow` over it")
works_with("pandas", pandas.__version__, f"tokens by `storage_options`{what}")
works_with("DuckDB", f"{duckdb.__version__} with httpfs", "tokens by `CREATE SECRET` of type `http` and in the address; 401 and 403 are errors")
finish()
