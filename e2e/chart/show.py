"""usage: show.py environment|readiness|access|test MANIFESTS: what the chart gives its pods, for a shell to use: the
variables of the server as NAME=VALUE, the path of the readiness probe, the access file, or the words that helm test
gives to the image, each ended by a NUL.
"""

import sys
from pathlib import Path

import yaml


def main(what, manifests):
    documents = {d["kind"]: d for d in yaml.safe_load_all(Path(manifests).read_text()) if d}
    container = documents["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    if what == "environment":
        words = [f"{e['name']}={e['value']}" for e in container["env"]]
    elif what == "readiness":
        words = [container["readinessProbe"]["httpGet"]["path"]]
    elif what == "access":
        words = documents["Secret"]["stringData"].values()
    else:
        words = documents["Pod"]["spec"]["containers"][0]["args"]
    for word in words:
        print(word, end="\0")


if __name__ == "__main__":
    main(*sys.argv[1:])
