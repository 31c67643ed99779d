"""fsspec's HTTP file system and pyarrow.dataset: folders are found by the links of their pages."""

import fsspec
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
from checks import STORAGE, URL, check, finish, same

print(f"fsspec {fsspec.__version__}, pyarrow {pyarrow.__version__}")

NAMES = ["a.csv", "a b.csv", "%41.csv", "httpd.log", "x:y", "Ω.csv"]
for folder in ["", "run", "run/deep", "run/deep/er"]:
    (STORAGE / folder).mkdir(exist_ok=True)
    for name in NAMES:
        (STORAGE / folder / name).write_text(f"{folder}/{name}")
(STORAGE / "run/wc").write_text("the file")

# As docs/api.md says.
http = fsspec.filesystem("http", headers={"Accept": "text/html"}, skip_instance_cache=True)


def content(urls):
    return sorted(http.cat_file(url).decode() for url in urls)


@check("ls of a folder, with and without a final slash, and of the root")
def listed():
    for address in ["run", "run/", "run/deep", "run%2Fdeep/", ""]:
        found = http.ls(f"{URL}/file/{address}")
        files = [entry["name"] for entry in found if not entry["name"].endswith("/")]
        folder = address.rstrip("/").replace("%2F", "/")
        expected = sorted(f"{folder}/{name}" for name in NAMES)
        if folder == "run":
            expected = sorted([*expected, "the file"])
        same(expected, content(files))


@check("the session's own headers do as well (client_kwargs)")
def client_kwargs():
    other = fsspec.filesystem("http", client_kwargs={"headers": {"Accept": "text/html"}}, skip_instance_cache=True)
    found = other.ls(f"{URL}/file/run/", detail=False)
    same(http.ls(f"{URL}/file/run/", detail=False), found)


@check("glob and find over all levels")
def globbed():
    found = http.glob(f"{URL}/file/run/a.*")
    same(["run/a.csv"], content(found))
    found = http.glob(f"{URL}/file/run/**/a.csv")
    same(["run/a.csv", "run/deep/a.csv", "run/deep/er/a.csv"], content(found))
    same(3 * len(NAMES) + 1, len(http.find(f"{URL}/file/run/")))


@check("open_files by a pattern")
def opened():
    files = fsspec.open_files(f"{URL}/file/run/deep/*.log", "rt", headers={"Accept": "text/html"})
    texts = []
    for file in files:
        with file as stream:
            texts.append(stream.read())
    same(["run/deep/httpd.log"], texts)


@check("pyarrow.dataset of a folder of Parquet files")
def dataset():
    (STORAGE / "set/part").mkdir(parents=True)
    tables = [pyarrow.table({"n": range(start, start + 1000)}) for start in (0, 1000, 2000)]
    for name, table in zip(["set/0.parquet", "set/1.parquet", "set/part/2.parquet"], tables, strict=True):
        pyarrow.parquet.write_table(table, STORAGE / name)
    files = [name for name in http.find(f"{URL}/file/set/") if name.endswith(".parquet")]
    found = pyarrow.dataset.dataset(files, filesystem=http, format="parquet")
    same(list(range(3000)), sorted(found.to_table().column("n").to_pylist()))


finish(
    "fsspec",
    fsspec.__version__,
    f"`ls`, `find`, `glob`, `open_files` with `headers={{\"Accept\": \"text/html\"}}`; `pyarrow.dataset` {pyarrow.__version__} over it",
)
