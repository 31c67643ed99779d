"""The pod of helm test."""

from promises.registry import promise
from rendered import selects


@promise(
    "helm test asks through the service, with the image itself; it writes where it may",
    arguments=lambda c: c.test_container["args"].remove("--write"),
    forbidden=lambda c: "--write" in c.test_container["args"] or c.test_container["args"].insert(1, "--write"),
    folder=lambda c: c.test_container["args"].remove("--folder=its folder"),
    no_token=lambda c: c.test_container.pop("env"),
    key=lambda c: c.test_container["env"][0]["valueFrom"]["secretKeyRef"].update(key="password"),
    shown=lambda c: c.test_container["env"][0].update(value="loader-token"),
    host=lambda c: c.test_container["args"].__setitem__(-3, "localhost"),
    port=lambda c: c.test_container["args"].__setitem__(-1, "1"),
    shell=lambda c: c.test_container.update(command=["sh", "-c"]),
    always=lambda c: c.test["metadata"]["annotations"].pop("helm.sh/hook"),
    leftover=lambda c: c.test["metadata"]["annotations"].pop("helm.sh/hook-delete-policy"),
    again=lambda c: c.test["spec"].update(restartPolicy="Always"),
)
def helm_test(c):
    annotations = c.test["metadata"]["annotations"]
    assert annotations == {"helm.sh/hook": "test", "helm.sh/hook-delete-policy": "before-hook-creation"}
    assert c.test["spec"]["restartPolicy"] == "Never"
    assert "command" not in c.test_container
    address = ["--host", c.service["metadata"]["name"], "--port", str(c.values["service"]["port"])]
    given = c.values["access"]["helmTest"]
    token = given["bearerTokenSecret"]
    write = ["--write"] if token["name"] or not c.is_closed else []
    if write and given["folder"]:
        write.append(f"--folder={given['folder']}")
    sent = [{"name": "HTTP_NAS_TOKEN", "valueFrom": {"secretKeyRef": token}}]
    assert c.test_container.get("env", []) == (sent if token["name"] else [])
    assert c.test_container["args"] == ["health", *write, *address]


@promise(
    "nothing takes the pod of helm test for the server",
    labels=lambda c: c.test_labels.update(c.deployment["spec"]["selector"]["matchLabels"]),
)
def test_apart(c):
    selectors = [c.deployment["spec"]["selector"]["matchLabels"], c.service["spec"]["selector"]]
    selectors += [p["spec"]["podSelector"].get("matchLabels", {}) for p in c.of("NetworkPolicy")]
    selectors += [b["spec"]["selector"].get("matchLabels", {}) for b in c.of("PodDisruptionBudget")]
    for selector in selectors:
        assert not selects(selector, c.test_labels)
