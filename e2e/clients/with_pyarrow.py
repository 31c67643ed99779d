"""pyarrow.parquet: two columns of a large file are read without the rest of it."""

import fsspec
import numpy
import pyarrow
import pyarrow.parquet
from checks import SEED, STORAGE, URL, Log, check, finish, same

print(f"pyarrow {pyarrow.__version__}, fsspec {fsspec.__version__}")

# 25 columns that no compression makes smaller, in 10 row groups.
ROWS, COLUMNS = 1_100_000, 24
numbers = numpy.random.default_rng(SEED)
table = pyarrow.table(
    {"id": numpy.arange(ROWS), **{f"value{n:02}": numbers.normal(size=ROWS) for n in range(COLUMNS)}},
)
NAME = "parquet/values.parquet"
(STORAGE / "parquet").mkdir()
pyarrow.parquet.write_table(table, STORAGE / NAME, row_group_size=ROWS // 10, compression="zstd", use_dictionary=False)
SIZE = (STORAGE / NAME).stat().st_size
ADDRESS = f"{URL}/file/{NAME}"
http = fsspec.filesystem("http", skip_instance_cache=True)


@check("the file has 200 MB at least")
def large():
    if SIZE < 200_000_000:
        raise AssertionError(SIZE)


def sent_by(log, statuses=frozenset([206])):
    """What the server has sent of the file."""
    replies = log.settled("GET")
    same(True, {status for status, _ in replies} <= statuses)
    total = sum(out for _, out in replies)
    print(f"    {len(replies)} requests, {total:,} of {SIZE:,} bytes")
    return total


@check("two columns of 25: the right values, and only a tenth of the file was sent")
def two_columns():
    log = Log(NAME)
    wanted = ["value03", "value17"]
    # Arrow knows what it needs, and fetches it ahead: fsspec must not guess for it.
    with http.open(ADDRESS, "rb", cache_type="none") as file:
        found = pyarrow.parquet.read_table(file, columns=wanted)
    if not found.equals(table.select(wanted)):
        raise AssertionError("the values differ")
    total = sent_by(log)
    # They are two of 25, and nothing of them can have been left out.
    if not SIZE / 13 < total < SIZE / 10:
        raise AssertionError(total)


@check("one row group, and the metadata alone")
def one_group():
    log = Log(NAME)
    with http.open(ADDRESS, "rb", block_size=1 << 20, cache_type="none") as file:
        same((ROWS, COLUMNS + 1), (pyarrow.parquet.read_metadata(file).num_rows, len(pyarrow.parquet.read_schema(file))))
    if sent_by(log) > SIZE / 100:
        raise AssertionError("the metadata are not all that was sent")
    log = Log(NAME)
    with pyarrow.parquet.ParquetFile(http.open(ADDRESS, "rb", block_size=1 << 20)) as file:
        found = file.read_row_group(7, columns=["id"])
    same(list(range(7 * ROWS // 10, 8 * ROWS // 10)), found["id"].to_pylist())
    if sent_by(log) > SIZE / 20:
        raise AssertionError("more than a row group's column was sent")


@check("by the name of the file system: read_table(ADDRESS, filesystem=http)")
def by_name():
    log = Log(NAME)
    found = pyarrow.parquet.read_table(ADDRESS, filesystem=http, columns=["value23"])
    same(True, found.equals(table.select(["value23"])))
    # fsspec begins a GET to see whether it is a folder, and leaves it when it has the headers.
    if sent_by(log, {200, 206}) > SIZE / 2:
        raise AssertionError("more than half was sent")


finish(
    "pyarrow",
    f"{pyarrow.__version__}, fsspec {fsspec.__version__}",
    "`parquet.read_table` of two columns of a 200 MB file: a tenth of it is sent at most; row groups and metadata by range",
)
