"""What the Python clients share: counting checks, the server's log, and bytes to send.

Each is run as `with_NAME.py URL STORAGE LOG`: the server's address, its storage folder and the file
with its log.
"""

import base64
import hashlib
import os
import pathlib
import random
import sys
import time
import traceback

URL, STORAGE, LOG = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
HERE = pathlib.Path(__file__).parent
SEED = int(os.environ.get("SEED", "20261122"))

_counts = {"passed": 0, "failed": 0}
_rows = []


def check(promise):
    """Runs a function at once; it passes if the function returns."""

    def run(function):
        try:
            function()
        except Exception as error:  # whatever went wrong, the next check is made too
            _counts["failed"] += 1
            print(f"FAIL {promise} ({type(error).__name__})", flush=True)
            for frame in traceback.extract_tb(error.__traceback__):
                if pathlib.Path(frame.filename).parent == HERE and frame.name not in ("run", "same"):
                    print(f"    {pathlib.Path(frame.filename).name}:{frame.lineno}: {frame.line}", flush=True)
            # Bytes that differ may be many.
            print("    " + str(error)[:500], flush=True)
        else:
            _counts["passed"] += 1
            print(f"ok {promise}", flush=True)
        return function

    return run


def same(expected, found):
    if expected != found:
        raise AssertionError(f"expected {short(expected)}, found {short(found)}")


def short(value):
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text)} characters)"


def raises(kinds, function, *arguments, **named):
    try:
        function(*arguments, **named)
    except kinds as error:
        return error
    raise AssertionError(f"{kinds} was not raised")


def wait_for(seconds, condition):
    """Asks again until there is something; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(0.02)
    return value


def works_with(client, version, what):
    """A client's row of the table."""
    _rows.append(f"| {client} | {version} | {what} |\n")


def finish(*row):
    """The closing lines: the rows of all clients, this one's with them, if all is well, and the counts."""
    if row:
        works_with(*row)
    table = os.environ.get("CLIENT_ROWS")
    if table and not _counts["failed"]:
        with open(table, "a", encoding="utf-8") as file:
            file.writelines(_rows)
    print(f"{_counts['passed']} passed, {_counts['failed']} failed")
    sys.exit(_counts["failed"] > 0)


# --- the server's log ---------------------------------------------------------------------------


class Log:
    """The requests for a name that have ended since this was made. Each has a line, a moment after its end."""

    def __init__(self, name):
        self.name = name
        self.start = os.path.getsize(LOG)

    def fields(self, method):
        """Each line's fields, by name."""
        with open(LOG, encoding="utf-8") as file:
            file.seek(self.start)
            lines = file.read().splitlines()
        wanted = f' method={method} name="{self.name}" status='
        found = []
        for line in lines:
            if " request " in line and wanted in line:
                # What may hold a space is the name, which is known, and the cause, which is not
                # asked for.
                words = (line.split(" name=")[0] + " status=" + line.split(wanted)[1]).split()
                found.append(dict(word.split("=", 1) for word in words if "=" in word))
        return found

    def replies(self, method):
        """(status, bytes of content sent) of each."""
        return [(int(fields["status"]), int(fields["out"])) for fields in self.fields(method)]

    def has(self, method, status, sent):
        wait_for(20, lambda: (status, sent) in self.replies(method))

    def settled(self, method):
        """The replies when no more of them have come for half a second."""
        found, since = self.replies(method), time.monotonic()
        while time.monotonic() - since < 0.5:
            time.sleep(0.05)
            if (now := self.replies(method)) != found:
                found, since = now, time.monotonic()
        return found


# --- bytes --------------------------------------------------------------------------------------


def random_bytes(size, salt=0):
    """Bytes that repeat nowhere."""
    return random.Random(SEED + salt).randbytes(size)


def pieces(data, largest=300_000):
    """The data in pieces of all sizes, as a generator."""
    sizes = random.Random(SEED)
    at = 0
    while at < len(data):
        size = sizes.randint(1, largest)
        yield data[at : at + size]
        at += size


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def digest_field(data):
    """The value of Repr-Digest and Content-Digest."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def no_litter():
    """No upload that failed has left a file in the server's own folder."""
    folder = STORAGE / ".http-nas"
    wait_for(15, lambda: not any(path.is_file() for path in folder.rglob("*")))
