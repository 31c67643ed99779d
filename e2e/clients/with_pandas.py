"""pandas.read_csv over fsspec's file system for HTTP, and by its own."""

import gzip
import io

import aiohttp
import fsspec
import numpy
import pandas
from checks import SEED, STORAGE, URL, Log, check, finish, raises, same

print(f"pandas {pandas.__version__}, fsspec {fsspec.__version__}, aiohttp {aiohttp.__version__}")

ROWS = 400_000
numbers = numpy.random.default_rng(SEED)
frame = pandas.DataFrame(
    {
        "id": numpy.arange(ROWS),
        "amount": numbers.normal(size=ROWS),
        "kind": numbers.choice(["view", "click", 'with "quotes", and\nlines', "größe"], ROWS),
    }
)
(STORAGE / "data").mkdir()
frame.to_csv(STORAGE / "data" / "events.csv", index=False)
SIZE = (STORAGE / "data" / "events.csv").stat().st_size
ADDRESS = f"{URL}/file/data/events.csv"
http = fsspec.filesystem("http", skip_instance_cache=True)


@check("fsspec sees a file: its size and its entity tag, which changes with it")
def seen():
    seen = http.info(ADDRESS)
    same((SIZE, "file", "text/csv"), (seen["size"], seen["type"], seen["mimetype"]))
    small = f"{URL}/file/data/small.csv"
    (STORAGE / "data" / "small.csv").write_bytes(b"a,b\n")
    before = http.info(small)["ETag"]
    # By PUT, so it appends.
    http.pipe_file(small, b"1,2\n")
    same(b"a,b\n1,2\n", http.cat_file(small))
    same(False, before == http.info(small)["ETag"])
    same((True, False), (http.exists(ADDRESS), http.exists(f"{URL}/file/none.csv")))
    raises(FileNotFoundError, http.open, f"{URL}/file/none.csv")


@check("read_csv of a file opened by fsspec: the same table")
def whole():
    with http.open(ADDRESS, "rb") as file:
        pandas.testing.assert_frame_equal(frame, pandas.read_csv(file))


@check("read_csv of the first rows fetches the first bytes by range")
def first_rows():
    log = Log("data/events.csv")
    with http.open(ADDRESS, "rb", block_size=256 * 1024) as file:
        rows = pandas.read_csv(file, nrows=1000)
    pandas.testing.assert_frame_equal(frame.head(1000), rows)
    replies = log.settled("GET")
    same({206}, {status for status, _ in replies})
    sent = sum(out for _, out in replies)
    if sent > SIZE / 4:
        raise AssertionError(f"{sent} of {SIZE} bytes were sent")


@check("random access: seeks to and fro, the end, many ranges at once")
def random_access():
    data = (STORAGE / "data" / "events.csv").read_bytes()
    with http.open(ADDRESS, "rb", block_size=64 * 1024, cache_type="bytes") as file:
        for place in numbers.integers(0, SIZE - 1000, 50):
            file.seek(int(place))
            same(data[place : place + 1000], file.read(1000))
        file.seek(-10, io.SEEK_END)
        same(data[-10:], file.read())
        same(b"", file.read())
    same(data[-100:], http.cat_file(ADDRESS, start=-100))
    starts = [int(n) for n in numbers.integers(0, SIZE - 500, 40)]
    same(
        [data[n : n + 500] for n in starts],
        http.cat_ranges([ADDRESS] * 40, starts, [n + 500 for n in starts]),
    )


@check("read_csv by pandas' own client, plain and compressed")
def by_itself():
    pandas.testing.assert_frame_equal(frame, pandas.read_csv(ADDRESS))
    # The bytes must come as they are stored: a Content-Encoding would have them decompressed twice.
    (STORAGE / "data" / "events.csv.gz").write_bytes(gzip.compress((STORAGE / "data" / "events.csv").read_bytes(), 1))
    pandas.testing.assert_frame_equal(frame, pandas.read_csv(ADDRESS + ".gz"))
    with fsspec.open(ADDRESS + ".gz", "rt", compression="infer", encoding="utf-8", newline="") as file:
        pandas.testing.assert_frame_equal(frame, pandas.read_csv(file))


@check("a table is stored by fsspec, and read again")
def stored():
    frame.head(1000).to_csv("local.csv", index=False)
    http.put_file("local.csv", f"{URL}/file/data/part%201.csv", method="post")
    pandas.testing.assert_frame_equal(frame.head(1000), pandas.read_csv(f"{URL}/file/data/part%201.csv"))
    raises(FileNotFoundError, http.put_file, "local.csv", f"{URL}/file/data/none.csv", method="put")


finish(
    "pandas",
    f"{pandas.__version__}, fsspec {fsspec.__version__}",
    "`read_csv` over fsspec's HTTP file system: the first rows by range, random access, `cat_ranges`, compressed files; `put_file`",
)
