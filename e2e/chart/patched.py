"""usage: patched.py PAGE MANIFESTS CHART: whether the patch on the page makes of the Deployment in MANIFESTS what the
chart makes with an access file.
"""

import sys
from pathlib import Path

import yaml

# What names the items of these lists (patchMergeKey, in the schemas of Kubernetes).
KEYS = {"containers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath"}


def patched(value, patch, field=None):
    """As kubectl patch does, by a strategic merge."""
    if isinstance(patch, dict):
        old = value or {}
        return old | {name: patched(old.get(name), part, name) for name, part in patch.items()}
    key = KEYS.get(field)
    if key is None:
        return patch
    found = {item[key]: item for item in value or []}
    for item in patch:
        found[item[key]] = patched(found.get(item[key]), item)
    return list(found.values())


def deployment(path):
    documents = yaml.safe_load_all(Path(path).read_text())
    return next(d for d in documents if d and d["kind"] == "Deployment")


def main(page, manifests, chart):
    patch = yaml.safe_load(Path(page).read_text().split("--patch '\n")[1].split("\n'\n")[0])
    found, expected = (d["spec"] for d in (patched(deployment(manifests), patch), deployment(chart)))
    if found != expected:
        print(yaml.safe_dump(found), "instead of", yaml.safe_dump(expected), sep="\n")
    return found != expected


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
