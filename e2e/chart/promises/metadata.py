"""Where the pods run, and what the objects are called."""

from promises.registry import promise
from rendered import selects


@promise(
    "the values for scheduling, resources, labels and annotations reach the pods",
    nowhere=lambda c: c.pod.pop("nodeSelector"),
    pool=lambda c: c.pod["nodeSelector"].pop("pool"),
    tolerations=lambda c: c.pod.pop("tolerations"),
    affinity=lambda c: c.pod.pop("affinity"),
    resources=lambda c: c.container.pop("resources"),
    test_resources=lambda c: c.test_container.update(resources={}),
    priority=lambda c: c.pod.pop("priorityClassName"),
    annotations=lambda c: c.template["metadata"].pop("annotations"),
    labels=lambda c: c.labels.pop("team"),
    service=lambda c: c.service["metadata"].pop("annotations"),
    account=lambda c: c.one("ServiceAccount")["metadata"].pop("annotations"),
)
def passed_on(c):
    values = c.values
    nodes = (values.get("global") or {}).get("nodeSelector", {}) | values["nodeSelector"]
    for pod in c.pods:
        assert pod.get("nodeSelector", {}) == nodes
        assert pod.get("tolerations", []) == values["tolerations"]
    assert c.pod.get("affinity", {}) == values["affinity"]
    assert c.pod.get("priorityClassName", "") == values["priorityClassName"]
    for container in (c.container, c.test_container):
        assert container.get("resources", {}) == values["resources"]
    assert c.template["metadata"].get("annotations", {}) == values["podAnnotations"]
    assert selects(values["podLabels"], c.labels)
    assert c.service["metadata"].get("annotations", {}) == values["service"]["annotations"]
    for account in c.of("ServiceAccount"):
        assert account["metadata"].get("annotations", {}) == values["serviceAccount"]["annotations"]


@promise(
    "names and selectors are those of the original chart: a release of it can be upgraded",
    selector=lambda c: c.deployment["spec"]["selector"]["matchLabels"].update(chart="1"),
    name=lambda c: c.deployment["metadata"].update(name="nas"),
    service=lambda c: c.service["metadata"].update(name="nas"),
    version=lambda c: c.labels.pop("app.kubernetes.io/name"),
)
def drop_in(c):
    values = c.values
    app = values["nameOverride"] or "http-nas"
    selector = {"app.kubernetes.io/name": app, "app.kubernetes.io/instance": "http-nas"}
    assert c.deployment["spec"]["selector"] == {"matchLabels": selector}
    assert selects(selector, c.labels)
    expected = values["fullnameOverride"] or "http-nas"
    for kind in ("Deployment", "Service"):
        assert c.one(kind)["metadata"]["name"] == expected


@promise(
    "every object says what it belongs to",
    unlabelled=lambda c: c.service["metadata"]["labels"].pop("app.kubernetes.io/instance"),
    version=lambda c: c.deployment["metadata"]["labels"].update({"app.kubernetes.io/version": "1.16.0"}),
    chart=lambda c: c.service["metadata"]["labels"].pop("helm.sh/chart"),
    nameless=lambda c: c.test_labels.pop("app.kubernetes.io/name"),
    long_name=lambda c: c.service["metadata"].update(name="n" * 64),
)
def labelled(c):
    app = c.values["nameOverride"] or "http-nas"
    for document in c.documents:
        metadata = document["metadata"]
        assert len(metadata["name"]) <= 63
        assert metadata["labels"]["app.kubernetes.io/name"] in (app, f"{app}-test")
        assert metadata["labels"]["app.kubernetes.io/instance"] == "http-nas"
        assert metadata["labels"]["app.kubernetes.io/version"] == c.app_version
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "Helm"
        assert metadata["labels"]["helm.sh/chart"].startswith("http-nas-")
