"""usage: pod.py POD SECRETS [NAME=VALUE]...: does here what a node does with a pod: runs its container's command.

POD is the pod in JSON, SECRETS an object {secret: {key: value}}. The command has the variables that
the pod names, and those given; it ends with the command's exit code.
"""

import json
import os
import subprocess
import sys
from pathlib import Path


def variables(pod, secrets):
    [container] = pod["spec"]["containers"]
    # In a pod HOSTNAME is its name, and there is nowhere to write to.
    found = {"PATH": os.environ["PATH"], "HOSTNAME": pod["metadata"]["name"], "HOME": "/none", "TMPDIR": "/none"}
    for variable in container["env"]:
        value = variable.get("value")
        if value is None:
            reference = variable["valueFrom"]["secretKeyRef"]
            value = secrets[reference["name"]][reference["key"]]
        found[variable["name"]] = value
    return found


def run(pod, secrets, more=()):
    [container] = pod["spec"]["containers"]
    environment = variables(pod, secrets) | dict(more)
    command = container["command"] + container["args"]
    return subprocess.run(command, env=environment, cwd="/", stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    pod_file, secrets_file, *settings = sys.argv[1:]
    sys.exit(
        run(
            json.loads(Path(pod_file).read_text()),
            json.loads(Path(secrets_file).read_text()),
            (setting.split("=", 1) for setting in settings),
        )
    )
