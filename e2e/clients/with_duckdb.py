"""DuckDB's httpfs: queries on files by their address."""

import pathlib

import duckdb
import duckdb_extension_httpfs
from checks import SEED, STORAGE, URL, Log, check, finish, same, short

print(f"duckdb {duckdb.__version__} with httpfs")

# DuckDB would fetch its extension from a place of its own; this one is a package, and signed as
# that one is.
extension = next(
    pathlib.Path(duckdb_extension_httpfs.__path__[0]).glob(f"extensions/v{duckdb.__version__}/httpfs.duckdb_extension")
)
db = duckdb.connect()
db.execute(f"LOAD '{extension}'")
db.execute("SET threads = 4")

ROWS = 3_000_000
(STORAGE / "tables").mkdir()
db.execute(f"SELECT setseed({SEED % 1000 / 1000})")
db.execute(
    f"CREATE TABLE local AS SELECT range AS id, random() AS a, random() AS b, random() AS c, md5(range::text) AS d FROM range({ROWS})"
)
for kind in ("parquet", "csv"):
    db.execute(f"COPY local TO '{STORAGE}/tables/all.{kind}'")
for part in range(4):
    db.execute(f"COPY (FROM local WHERE id % 4 = {part}) TO '{STORAGE}/tables/part{part}.parquet'")


def ask(query, *values):
    return db.execute(query, values).fetchall()


EXPECTED = ask("SELECT count(*), sum(id), min(a), max(a) FROM local")


@check("a column of a parquet file is fetched by range, and not the rest")
def parquet():
    log = Log("tables/all.parquet")
    size = (STORAGE / "tables" / "all.parquet").stat().st_size
    same(EXPECTED, ask(f"SELECT count(*), sum(id), min(a), max(a) FROM '{URL}/file/tables/all.parquet'"))
    replies = log.settled("GET")
    same({206}, {status for status, _ in replies})
    sent = sum(out for _, out in replies)
    print(f"    {len(replies)} requests, {sent:,} of {size:,} bytes")
    if sent > size * 0.6:
        raise AssertionError("nearly all of it was sent")


@check("rows by their number: the statistics spare the other row groups")
def pushdown():
    log = Log("tables/all.parquet")
    size = (STORAGE / "tables" / "all.parquet").stat().st_size
    query = "SELECT id, a, d FROM {} WHERE id BETWEEN 2000000 AND 2000009 ORDER BY id"
    same(ask(query.format("local")), ask(query.format(f"'{URL}/file/tables/all.parquet'")))
    sent = sum(out for _, out in log.settled("GET"))
    if sent > size / 10:
        raise AssertionError(f"{sent} of {size} bytes were sent")


@check("a CSV file, and several files at once")
def others():
    same(EXPECTED, ask(f"SELECT count(*), sum(id), min(a), max(a) FROM read_csv('{URL}/file/tables/all.csv')"))
    parts = [f"{URL}/file/tables/part{part}.parquet" for part in range(4)]
    same(EXPECTED, ask("SELECT count(*), sum(id), min(a), max(a) FROM read_parquet(?)", parts))


@check("a file that is not there is an error that says so")
def absent():
    try:
        ask(f"FROM '{URL}/file/tables/none.parquet'")
    except duckdb.HTTPException as error:
        if "404" not in str(error):
            raise AssertionError(short(str(error))) from error
    else:
        raise AssertionError("there was no error")


finish(
    "DuckDB",
    f"{duckdb.__version__} with httpfs",
    "queries on parquet by range (columns and row groups that are not asked for are not sent), several files at once, CSV",
)
