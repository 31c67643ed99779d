"""Who may do what: the access file, and the pod of helm test beside it."""

import json

from promises.registry import promise

FILE = "/etc/http-nas/access.json"


def own(c):
    return c.one("Secret")["stringData"]


def mount(c):
    return next(m for m in c.container["volumeMounts"] if m["name"] == "access")


def volume(c):
    return next(v for v in c.pod["volumes"] if v["name"] == "access")["secret"]


@promise(
    "the access file is what the values say, and without it everybody may do everything",
    unset=lambda c: c.container["env"].remove({"name": "ACCESS", "value": FILE}),
    elsewhere=lambda c: "ACCESS" in c.environment and c.set_variable("ACCESS", "/mnt/access.json"),
    unmounted=lambda c: c.container["volumeMounts"].remove(mount(c)),
    one_file=lambda c: mount(c).update(mountPath=FILE, subPath="access.json"),
    writable=lambda c: mount(c).update(readOnly=False),
    path=lambda c: mount(c).update(mountPath="/etc"),
    secret=lambda c: volume(c).update(secretName="other"),
    key=lambda c: volume(c)["items"][0].update(key="token"),
    everything=lambda c: volume(c).pop("items"),
    optional=lambda c: volume(c).update(optional=True),
    missing=lambda c: c.remove("Secret"),
    renamed=lambda c: c.one("Secret")["metadata"].update(name="other"),
    nobody=lambda c: own(c).update({"access.json": '{"tokens": [1]}'}),
    more=lambda c: own(c).update(token="secret"),
    uncalled=lambda c: c.of("Secret") or c.documents.append({"kind": "Secret"}),
    unasked=lambda c: "ACCESS" in c.environment or c.container["env"].append({"name": "ACCESS", "value": FILE}),
)
def access_file(c):
    access = c.values["access"]
    assert len(c.of("Secret")) == (access.get("tokens") is not None)
    if not c.is_closed:
        assert "ACCESS" not in c.environment
        assert [v["name"] for v in c.pod["volumes"]] == ["storage"]
        return
    name, key = access["existingSecret"], access["existingSecretKey"]
    if not name:
        name, key = c.one("Secret")["metadata"]["name"], "access.json"
        assert name == c.service["metadata"]["name"] + "-access"
        assert own(c).keys() == {"access.json"}
        assert json.loads(own(c)["access.json"]) == {"tokens": access["tokens"]}
    assert c.environment["ACCESS"] == FILE
    assert mount(c) == {"name": "access", "mountPath": FILE.rpartition("/")[0], "readOnly": True}
    assert volume(c) == {"secretName": name, "items": [{"key": key, "path": "access.json"}]}


@promise(
    "a change of the access file starts no pod again",
    checksum=lambda c: c.is_closed and c.template["metadata"].setdefault("annotations", {}).update(checksum="1"),
)
def no_restart(c):
    assert c.template["metadata"].get("annotations", {}) == c.values["podAnnotations"]
