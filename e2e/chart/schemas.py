"""usage: schemas.py MANIFESTS... (as VERSION/CASE.yaml): every manifest against the schema of its Kubernetes version.

Strict: a field that the version does not know is a fault. With --versions it prints the versions
that it knows. A ServiceMonitor is no part of Kubernetes: promises/metrics.py says all that is in one.
"""

import sys
from pathlib import Path

import kubernetes_validate
import yaml
from kubernetes_validate.utils import all_versions, major_minor


def versions():
    return sorted({major_minor(v) for v in all_versions()}, key=lambda v: [int(n) for n in v.split(".")])


def faults(path):
    documents = [d for d in yaml.safe_load_all(path.read_text()) if d]
    if not documents:
        yield f"{path}: there is nothing in it"
    for document in documents:
        if document.get("apiVersion") == "monitoring.coreos.com/v1":
            continue
        name = f"{path.stem}, {document.get('kind')}"
        try:
            used = kubernetes_validate.validate(document, path.parent.name, strict=True)
        except Exception as error:
            yield f"{name}: {str(error).splitlines()[0]}"
        else:
            if used != path.parent.name:
                yield f"{name}: validated against {used} instead of {path.parent.name}"


def main(*words):
    if words == ("--versions",):
        print("\n".join(versions()))
        return False
    found = [fault for path in words for fault in faults(Path(path))]
    print("\n".join(found))
    return bool(found) or not words


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
