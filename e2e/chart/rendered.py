"""What helm made of the chart for one set of values, to be asked about and, in a copy, broken."""

import copy
import json
import re
from pathlib import Path

import yaml


class Rendered:
    """The manifests of one case, and the values they were made from."""

    def __init__(self, name, documents, values, server_help):
        self.name = name
        self.documents = documents
        self.values = values
        # {variable: default}, in the words of http-nas --help.
        described = r"^  --\S+ ([A-Z_]+)\s(?:.|\n {5,})*?\[default: (.*)\]$"
        self.flags = dict(re.findall(described, server_help, re.M))

    @classmethod
    def read(cls, manifests, chart_folder, values_file, server_help):
        documents = [d for d in yaml.safe_load_all(Path(manifests).read_text()) if d]
        defaults = yaml.safe_load((Path(chart_folder) / "values.yaml").read_text())
        given = yaml.safe_load(Path(values_file).read_text()) or {}
        name = Path(values_file).name.removesuffix("-values.yaml")
        return cls(name, documents, merged(defaults, given), server_help)

    def copy(self):
        other = copy.copy(self)
        other.documents = copy.deepcopy(self.documents)
        return other

    def fingerprint(self):
        return json.dumps(self.documents, sort_keys=True)

    def of(self, kind):
        """The manifests of this kind; the pod of helm test is the only Pod."""
        return [d for d in self.documents if d["kind"] == kind]

    def one(self, kind):
        found = self.of(kind)
        assert len(found) == 1, f"there are {len(found)} of {kind}"
        return found[0]

    def remove(self, kind):
        self.documents = [d for d in self.documents if d["kind"] != kind]

    deployment = property(lambda self: self.one("Deployment"))
    service = property(lambda self: self.one("Service"))
    template = property(lambda self: self.deployment["spec"]["template"])
    pod = property(lambda self: self.template["spec"])
    container = property(lambda self: self.pod["containers"][0])
    test = property(lambda self: self.one("Pod"))
    test_container = property(lambda self: self.test["spec"]["containers"][0])
    labels = property(lambda self: self.template["metadata"]["labels"])
    test_labels = property(lambda self: self.test["metadata"]["labels"])

    @property
    def environment(self):
        return {e["name"]: e["value"] for e in self.container["env"]}

    def set_variable(self, name, value):
        next(e for e in self.container["env"] if e["name"] == name)["value"] = value

    @property
    def pods(self):
        """The two pod specifications."""
        return [self.pod, self.test["spec"]]

    @property
    def shared(self):
        return "ReadWriteMany" in self.values["pvc"]["accessModes"]

    @property
    def is_closed(self):
        """Whether there is an access file. An empty list of tokens makes one."""
        access = self.values["access"]
        return bool(access["existingSecret"]) or access.get("tokens") is not None

    @property
    def most_pods(self):
        scaled = self.values["autoscaling"]
        return scaled["maxReplicas"] if scaled["enabled"] else self.values["replicaCount"]


def merged(defaults, given):
    """As helm does: maps are merged, anything else is replaced, and null takes a default away."""
    result = dict(defaults)
    for key, value in given.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def selects(selector, labels):
    return selector.items() <= labels.items()


def seconds(text):
    """A time as the server takes it."""
    number, unit = re.fullmatch(r"(\d+) *([smh]?)", text).groups()
    return int(number) * {"": 1, "s": 1, "m": 60, "h": 3600}[unit]
