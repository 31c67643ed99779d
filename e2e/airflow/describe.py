"""usage: describe.py rights|script|secrets POD: of a pod in JSON, what it may do, the script that it runs, or the
variables that come from secrets, as VARIABLE=SECRET/KEY.
"""

import json
import sys
from pathlib import Path


def rights(spec, container):
    """What the restricted Pod Security Standard asks for, and what goes beyond it; nothing that a pod has by default."""
    of_pod, of_container = spec["securityContext"], container["securityContext"]
    print("root:", "no" if of_pod.get("runAsNonRoot") and of_pod.get("runAsUser") else "yes")
    print("seccomp:", of_pod.get("seccompProfile", {}).get("type"))
    print("dropped:", ",".join(of_container.get("capabilities", {}).get("drop", [])))
    print("escalation:", "no" if of_container.get("allowPrivilegeEscalation") is False else "yes")
    print("writes:", "no" if of_container.get("readOnlyRootFilesystem") and not spec.get("volumes") else "yes")
    print("token:", "no" if spec.get("automountServiceAccountToken") is False else "yes")


def script(_, container):
    print(container["args"][0])


def secrets(_, container):
    references = {e["name"]: e["valueFrom"]["secretKeyRef"] for e in container["env"] if "valueFrom" in e}
    print(",".join(f"{name}={ref['name']}/{ref['key']}" for name, ref in sorted(references.items())))


if __name__ == "__main__":
    what, file = sys.argv[1:]
    pod_spec = json.loads(Path(file).read_text())["spec"]
    {"rights": rights, "script": script, "secrets": secrets}[what](pod_spec, pod_spec["containers"][0])
