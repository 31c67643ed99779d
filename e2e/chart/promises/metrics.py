"""What the Prometheus operator is told."""

from promises.registry import promise
from rendered import selects


def endpoint(c):
    return c.one("ServiceMonitor")["spec"]["endpoints"][0]


@promise(
    "the service monitor finds the service by its labels and sends the token of the values",
    missing=lambda c: c.remove("ServiceMonitor"),
    selector=lambda c: c.one("ServiceMonitor")["spec"]["selector"]["matchLabels"].update(tier="web"),
    all_services=lambda c: c.one("ServiceMonitor")["spec"].update(selector={}),
    job=lambda c: c.one("ServiceMonitor")["spec"].pop("jobLabel"),
    labels=lambda c: c.one("ServiceMonitor")["metadata"]["labels"].pop("release"),
    port=lambda c: endpoint(c).update(port="web"),
    path=lambda c: endpoint(c).update(path="/"),
    interval=lambda c: endpoint(c).pop("interval"),
    timeout=lambda c: endpoint(c).pop("scrapeTimeout"),
    no_token=lambda c: endpoint(c).pop("authorization"),
    key=lambda c: endpoint(c)["authorization"]["credentials"].update(key="password"),
    unasked=lambda c: endpoint(c).setdefault("authorization", {"credentials": {"name": "", "key": "token"}}),
    uncalled=lambda c: c.of("ServiceMonitor") or c.documents.append({"kind": "ServiceMonitor"}),
)
def service_monitor(c):
    values = c.values["metrics"]["serviceMonitor"]
    if not values["enabled"]:
        assert not c.of("ServiceMonitor")
        return
    found = c.one("ServiceMonitor")
    assert found["apiVersion"] == "monitoring.coreos.com/v1"
    assert found["spec"].keys() == {"jobLabel", "selector", "endpoints"}
    labels = c.service["metadata"]["labels"]
    assert selects(values["labels"], found["metadata"]["labels"])
    assert found["spec"]["selector"] == {"matchLabels": c.service["spec"]["selector"]}
    assert selects(c.service["spec"]["selector"], labels)
    assert labels[found["spec"]["jobLabel"]] == (c.values["nameOverride"] or "http-nas")
    [port] = c.service["spec"]["ports"]
    expected = {"port": port["name"], "path": "/metrics"}
    expected |= {k: values[k] for k in ("interval", "scrapeTimeout") if values[k]}
    token = values["bearerTokenSecret"]
    if token["name"]:
        expected["authorization"] = {"credentials": token}
    assert found["spec"]["endpoints"] == [expected]
