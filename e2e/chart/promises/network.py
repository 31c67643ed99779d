"""Which clients may connect, and how many pods there are."""

from promises.registry import promise
from rendered import selects


@promise(
    "the network policy lets in those that the values name and the test, and nobody out",
    missing=lambda c: c.remove("NetworkPolicy"),
    open_to_all=lambda c: c.one("NetworkPolicy")["spec"]["ingress"][0].pop("from"),
    out=lambda c: c.one("NetworkPolicy")["spec"].update(egress=[{}]),
    one_way=lambda c: c.one("NetworkPolicy")["spec"].update(policyTypes=["Ingress"]),
    ports=lambda c: c.one("NetworkPolicy")["spec"]["ingress"][0].update(ports=[{"port": 22}]),
    others=lambda c: c.one("NetworkPolicy")["spec"].update(podSelector={}),
    test=lambda c: c.one("NetworkPolicy")["spec"]["ingress"][0]["from"].pop(0),
    peer=lambda c: c.one("NetworkPolicy")["spec"]["ingress"][0]["from"].pop(),
    uncalled=lambda c: c.of("NetworkPolicy") or c.documents.append({"kind": "NetworkPolicy"}),
)
def network_policy(c):
    if not c.values["networkPolicy"]["enabled"]:
        assert not c.of("NetworkPolicy")
        return
    spec = c.one("NetworkPolicy")["spec"]
    selector = spec["podSelector"]["matchLabels"]
    assert selector == c.deployment["spec"]["selector"]["matchLabels"]
    assert sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
    assert spec["egress"] == []
    [rule] = spec["ingress"]
    assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]
    assert rule["from"][1:] == c.values["networkPolicy"]["from"]
    assert rule["from"][0].keys() == {"podSelector"}
    test = rule["from"][0]["podSelector"]["matchLabels"]
    assert test and selects(test, c.test_labels)


@promise(
    "the disruption budget counts the server's pods, and those that never got ready hold up nothing",
    missing=lambda c: c.remove("PodDisruptionBudget"),
    both=lambda c: c.one("PodDisruptionBudget")["spec"].update(maxUnavailable=1, minAvailable=1),
    neither=lambda c: [c.one("PodDisruptionBudget")["spec"].pop(k, 0) for k in ("maxUnavailable", "minAvailable")],
    others=lambda c: c.one("PodDisruptionBudget")["spec"]["selector"].update(matchLabels={}),
    stuck=lambda c: c.one("PodDisruptionBudget")["spec"].pop("unhealthyPodEvictionPolicy"),
    uncalled=lambda c: c.of("PodDisruptionBudget") or c.documents.append({"kind": "PodDisruptionBudget"}),
)
def disruption_budget(c):
    budget = c.values["podDisruptionBudget"]
    if not budget["enabled"]:
        assert not c.of("PodDisruptionBudget")
        return
    spec = c.one("PodDisruptionBudget")["spec"]
    given = {k: budget[k] for k in ("minAvailable", "maxUnavailable") if budget.get(k) is not None}
    found = {k: spec[k] for k in ("minAvailable", "maxUnavailable") if k in spec}
    assert found == (given or {"maxUnavailable": 1})
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert spec["selector"]["matchLabels"] == c.deployment["spec"]["selector"]["matchLabels"]


@promise(
    "the ingress sends every host and path of the values to the service",
    missing=lambda c: c.remove("Ingress"),
    service=lambda c: backend(c).update(name="other"),
    port=lambda c: backend(c).update(port={"number": 1}),
    kind=lambda c: c.one("Ingress")["spec"]["rules"][0]["http"]["paths"][0].pop("pathType"),
    host=lambda c: c.one("Ingress")["spec"]["rules"].pop(),
    path=lambda c: c.one("Ingress")["spec"]["rules"][0]["http"].update(paths=[]),
    tls=lambda c: c.one("Ingress")["spec"].pop("tls"),
    class_name=lambda c: c.one("Ingress")["spec"].pop("ingressClassName"),
    annotations=lambda c: c.one("Ingress")["metadata"].pop("annotations"),
    uncalled=lambda c: c.of("Ingress") or c.documents.append({"kind": "Ingress"}),
)
def ingress(c):
    values = c.values["ingress"]
    if not values["enabled"]:
        assert not c.of("Ingress")
        return
    found = c.one("Ingress")
    assert found["metadata"].get("annotations", {}) == values["annotations"]
    assert found["spec"].get("ingressClassName", "") == values["className"]
    assert found["spec"].get("tls", []) == values["tls"]
    to_service = {"service": {"name": c.service["metadata"]["name"], "port": {"name": "http"}}}
    expected = [
        {
            "host": host["host"],
            "http": {
                "paths": [
                    {"path": p["path"], "pathType": p.get("pathType", "Prefix"), "backend": to_service}
                    for p in host.get("paths") or [{"path": "/"}]
                ]
            },
        }
        for host in values["hosts"]
    ]
    assert found["spec"]["rules"] == expected


def backend(c):
    return c.one("Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]


@promise(
    "pods are added by the utilization that the values name",
    missing=lambda c: c.remove("HorizontalPodAutoscaler"),
    metric=lambda c: c.one("HorizontalPodAutoscaler")["spec"]["metrics"].pop(),
    target=lambda c: c.one("HorizontalPodAutoscaler")["spec"]["metrics"][0]["resource"]["target"].pop("type"),
    uncalled=lambda c: c.of("HorizontalPodAutoscaler") or c.documents.append({"kind": "HorizontalPodAutoscaler"}),
)
def autoscaling(c):
    values = c.values["autoscaling"]
    if not values["enabled"]:
        assert not c.of("HorizontalPodAutoscaler")
        return
    spec = c.one("HorizontalPodAutoscaler")["spec"]
    assert spec["minReplicas"] == values["minReplicas"]
    named = {"cpu": "targetCPUUtilizationPercentage", "memory": "targetMemoryUtilizationPercentage"}
    targets = {r: values[n] for r, n in named.items() if values.get(n) is not None}
    assert targets
    assert spec["metrics"] == [
        {"type": "Resource", "resource": {"name": r, "target": {"type": "Utilization", "averageUtilization": t}}}
        for r, t in targets.items()
    ]
