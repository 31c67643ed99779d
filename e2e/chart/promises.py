"""What the chart promises, whatever the values; with each promise, ways to break it that it has to notice.

A promise is a function that raises AssertionError for manifests that do not keep it. A break changes the manifests;
where it changes nothing, or there is nothing of what it changes, it says nothing about a case.
"""

from rendered import seconds, selects

PROMISES = []


def promise(text, **breaks):
    """Registers a promise with its breaks, named for what they do."""

    def register(keeps):
        PROMISES.append((text, keeps, breaks))
        return keeps

    return register


# --- pods and their volume ----------------------------------------------------------------------


@promise(
    "a second pod never waits for a volume that the first one holds",
    rolling=lambda c: c.deployment["spec"]["strategy"].update(type="RollingUpdate"),
    recreate_shared=lambda c: c.deployment["spec"].update(strategy={"type": "Recreate"}),
    gap=lambda c: c.deployment["spec"]["strategy"]["rollingUpdate"].update(maxUnavailable=1),
    default=lambda c: c.deployment["spec"].pop("strategy"),
)
def strategy(c):
    expected = {"type": "Recreate"}
    if c.shared:
        expected = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert c.deployment["spec"].get("strategy") == expected


@promise(
    "there is one pod unless several may write to the volume",
    several=lambda c: c.deployment["spec"].update(replicas=5),
    unsaid=lambda c: c.deployment["spec"].pop("replicas"),
    scaled=lambda c: c.one("HorizontalPodAutoscaler")["spec"].update(maxReplicas=100),
    others=lambda c: c.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"].pop("apiVersion"),
)
def replicas(c):
    spec = c.deployment["spec"]
    if c.values["autoscaling"]["enabled"]:
        assert "replicas" not in spec
        spec = c.one("HorizontalPodAutoscaler")["spec"]
        scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": c.deployment["metadata"]["name"]}
        assert spec["scaleTargetRef"] == scaled
        assert spec["maxReplicas"] == c.most_pods
    else:
        assert spec["replicas"] == c.most_pods
    assert c.most_pods <= 1 or c.shared


@promise(
    "the grace period is above the shutdown timeout",
    short=lambda c: c.pod.update(terminationGracePeriodSeconds=30),
    default=lambda c: c.pod.pop("terminationGracePeriodSeconds"),
    patient=lambda c: c.set_variable("SHUTDOWN_TIMEOUT", "7200"),
    late=lambda c: c.container["lifecycle"]["preStop"]["sleep"].update(seconds=60),
)
def grace_period(c):
    sleep = c.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    needed = sleep + seconds(c.environment["SHUTDOWN_TIMEOUT"])
    assert c.pod.get("terminationGracePeriodSeconds", 30) >= needed + 5, f"{needed} s are needed"


@promise(
    "one of several pods serves on until the cluster knows that it ends",
    none=lambda c: c.container.pop("lifecycle"),
    alone=lambda c: c.container.setdefault("lifecycle", {"preStop": {"sleep": {"seconds": 5}}}),
    other=lambda c: c.container["lifecycle"]["preStop"]["sleep"].update(seconds=1),
)
def pre_stop(c):
    expected = {"preStop": {"sleep": {"seconds": c.values["preStopSeconds"]}}} if c.most_pods > 1 else None
    assert c.container.get("lifecycle") == expected


@promise(
    "the storage is the volume of the claim",
    elsewhere=lambda c: c.container["volumeMounts"][0].update(mountPath="/data"),
    unmounted=lambda c: c.container["volumeMounts"].pop(),
    path=lambda c: c.set_variable("STORAGE_PATH", "/srv"),
    read_only=lambda c: c.container["volumeMounts"][0].update(readOnly=True),
    claim=lambda c: c.pod["volumes"][0]["persistentVolumeClaim"].update(claimName="other"),
    lost=lambda c: c.pod["volumes"].__setitem__(0, {"name": "storage", "emptyDir": {}}),
)
def storage(c):
    path = c.values["storagePath"]
    assert c.environment["STORAGE_PATH"] == path
    assert c.container["volumeMounts"] == [{"name": "storage", "mountPath": path}]
    claim = {"claimName": c.values["pvc"]["claimName"]}
    assert c.pod["volumes"] == [{"name": "storage", "persistentVolumeClaim": claim}]


@promise(
    "the claim is as the values say, and made only if it is not there already",
    missing=lambda c: c.remove("PersistentVolumeClaim"),
    renamed=lambda c: c.one("PersistentVolumeClaim")["metadata"].update(name="other"),
    small=lambda c: c.one("PersistentVolumeClaim")["spec"]["resources"]["requests"].update(storage="1Mi"),
    modes=lambda c: c.one("PersistentVolumeClaim")["spec"].update(accessModes=["ReadOnlyMany"]),
    storage_class=lambda c: c.one("PersistentVolumeClaim")["spec"].update(storageClassName="gold"),
    deleted=lambda c: c.one("PersistentVolumeClaim")["metadata"].pop("annotations"),
    made=lambda c: c.of("PersistentVolumeClaim") or c.documents.append({"kind": "PersistentVolumeClaim"}),
)
def claim(c):
    pvc = c.values["pvc"]
    if not pvc["create"]:
        assert not c.of("PersistentVolumeClaim")
        return
    found = c.one("PersistentVolumeClaim")
    assert found["metadata"]["name"] == pvc["claimName"]
    kept = {"helm.sh/resource-policy": "keep"} if pvc["keep"] else {}
    assert found["metadata"].get("annotations", {}) == kept | pvc["annotations"]
    expected = {"accessModes": pvc["accessModes"], "resources": {"requests": {"storage": pvc["size"]}}}
    if pvc["storageClassName"]:
        expected["storageClassName"] = pvc["storageClassName"].removeprefix("-")
    assert found["spec"] == expected


# --- the server ---------------------------------------------------------------------------------


@promise(
    "every flag of the server has a value, and no variable is not one of its own",
    unset=lambda c: c.container["env"].pop(4),
    unknown=lambda c: c.container["env"].append({"name": "NODE_ENV", "value": "production"}),
    new_flag=lambda c: c.flags.update(NEW="none"),
)
def flags(c):
    assert c.flags, "the help names no flags"
    # The folder of the storage is there: the volume is mounted on it. Where the server listens,
    # HOST and PORT say.
    assert c.environment.keys() == c.flags.keys() - {"CREATE_PARENTS", "LISTEN"} | {"RUST_LOG"}


@promise(
    "without values, the server's defaults hold",
    other=lambda c: c.name == "default" and c.set_variable("MAX_TRANSFERS", "100"),
    time=lambda c: c.name == "default" and c.set_variable("SHUTDOWN_TIMEOUT", "1m"),
    log=lambda c: c.name == "default" and c.set_variable("RUST_LOG", "debug"),
    port=lambda c: c.name == "default" and c.set_variable("PORT", "8080"),
)
def defaults(c):
    if c.name != "default":
        return
    ours = c.flags | {"RUST_LOG": "info", "HOST": "::", "STORAGE_PATH": "/mnt/storage"}
    del ours["CREATE_PARENTS"], ours["LISTEN"]
    assert c.environment == ours


@promise(
    "a request to the service arrives at the server",
    loopback=lambda c: c.set_variable("HOST", "127.0.0.1"),
    one_family=lambda c: c.set_variable("HOST", "0.0.0.0"),
    port=lambda c: c.set_variable("PORT", "3001"),
    container_port=lambda c: c.container["ports"][0].update(containerPort=80),
    target=lambda c: c.service["spec"]["ports"][0].update(targetPort="web"),
    selector=lambda c: c.service["spec"]["selector"].update(tier="web"),
    no_selector=lambda c: c.service["spec"].update(selector={}),
    other_port=lambda c: c.service["spec"]["ports"][0].update(port=81),
    headless=lambda c: c.service["spec"].update(type="ExternalName"),
)
def service(c):
    # Pods have addresses of one family or of both.
    assert c.environment["HOST"] == "::"
    assert c.environment["PORT"] == "3000"
    assert c.container["ports"] == [{"name": "http", "containerPort": 3000, "protocol": "TCP"}]
    spec = c.service["spec"]
    assert spec["type"] == c.values["service"]["type"]
    [port] = spec["ports"]
    assert port == {"name": "http", "port": c.values["service"]["port"], "targetPort": "http", "protocol": "TCP"}
    assert spec["selector"] and selects(spec["selector"], c.labels)


def without_probe(kind):
    return lambda c: c.container.pop(kind)


@promise(
    "start, readiness and life are asked of the server, life with patience",
    no_start=without_probe("startupProbe"),
    no_readiness=without_probe("readinessProbe"),
    no_life=without_probe("livenessProbe"),
    path=lambda c: c.container["readinessProbe"]["httpGet"].update(path="/"),
    port=lambda c: c.container["livenessProbe"]["httpGet"].update(port="web"),
    by_exec=lambda c: c.container.update(livenessProbe={"exec": {"command": ["http-nas", "health"]}}),
    impatient=lambda c: c.container["livenessProbe"].update(failureThreshold=1),
    hurried_start=lambda c: c.container["startupProbe"].update(failureThreshold=3),
    slow_disk=lambda c: c.container["livenessProbe"].pop("timeoutSeconds"),
)
def probes(c):
    patience = {}
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = c.container[kind]
        assert probe["httpGet"] == {"path": "/file", "port": c.container["ports"][0]["name"]}
        assert probe["timeoutSeconds"] >= 5
        patience[kind] = probe["periodSeconds"] * probe["failureThreshold"]
    assert patience["readinessProbe"] <= 20
    assert patience["livenessProbe"] >= 60
    assert patience["startupProbe"] >= 120


@promise(
    "the image is the one that the values name",
    server=lambda c: c.container.update(image="http-nas:other"),
    test=lambda c: c.test_container.update(image="busybox"),
    policy=lambda c: c.container.update(imagePullPolicy="Sometimes"),
    secrets=lambda c: c.pod.pop("imagePullSecrets"),
)
def image(c):
    image = c.values["image"]
    registry = image["registry"] + "/" if image["registry"] else ""
    for container in (c.container, c.test_container):
        assert container["image"] == f"{registry}{image['repository']}:{image['tag'] or c.app_version}"
        assert container["imagePullPolicy"] == image["pullPolicy"]
    for pod in c.pods:
        assert pod.get("imagePullSecrets", []) == c.values["imagePullSecrets"]


@promise(
    "a start that fails says why where kubectl describe shows it",
    silent=lambda c: c.container.pop("terminationMessagePolicy"),
    silent_test=lambda c: c.test_container.pop("terminationMessagePolicy"),
)
def last_words(c):
    for container in (c.container, c.test_container):
        assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"


# --- what the pods may do -----------------------------------------------------------------------


@promise(
    "no pod runs as root, and the server may write to the volume",
    root=lambda c: c.container["securityContext"].update(runAsUser=0),
    maybe_root=lambda c: c.container["securityContext"].pop("runAsNonRoot"),
    test_root=lambda c: c.test_container["securityContext"].update(runAsNonRoot=False),
    group=lambda c: c.container["securityContext"].pop("runAsGroup"),
    volume=lambda c: c.pod["securityContext"].pop("fsGroup"),
)
def users(c):
    for container in (c.container, c.test_container):
        given = c.values["securityContext"]
        context = container["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == given["runAsUser"] > 0
        assert context["runAsGroup"] == given["runAsGroup"] > 0
    assert c.pod["securityContext"]["fsGroup"] == c.values["podSecurityContext"]["fsGroup"]


@promise(
    "every pod meets the restricted Pod Security Standard, with a read-only root file system",
    capabilities=lambda c: c.container["securityContext"].pop("capabilities"),
    added=lambda c: c.container["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
    escalation=lambda c: c.container["securityContext"].update(allowPrivilegeEscalation=True),
    writable=lambda c: c.container["securityContext"].update(readOnlyRootFilesystem=False),
    unconfined=lambda c: c.pod["securityContext"]["seccompProfile"].update(type="Unconfined"),
    test_seccomp=lambda c: c.test["spec"]["securityContext"].pop("seccompProfile"),
    test_capabilities=lambda c: c.test_container["securityContext"]["capabilities"].update(drop=[]),
    host=lambda c: c.pod.update(hostNetwork=True),
)
def restricted(c):
    for pod in c.pods:
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert not context.get("privileged")


@promise(
    "no pod holds a key to the cluster's API, nor variables of other services",
    token=lambda c: c.pod.pop("automountServiceAccountToken"),
    test_token=lambda c: c.test["spec"].update(automountServiceAccountToken=True),
    account_token=lambda c: c.one("ServiceAccount").pop("automountServiceAccountToken"),
    links=lambda c: c.pod.pop("enableServiceLinks"),
    account=lambda c: c.pod.update(serviceAccountName="admin"),
    unmade=lambda c: c.remove("ServiceAccount"),
)
def no_keys(c):
    account = c.values["serviceAccount"]
    name = account["name"] or (c.deployment["metadata"]["name"] if account["create"] else "default")
    for pod in c.pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["serviceAccountName"] == name
    assert len(c.of("ServiceAccount")) == account["create"]
    for made in c.of("ServiceAccount"):
        assert made["metadata"]["name"] == name
        assert made["automountServiceAccountToken"] is False


# --- who may connect, and how many may go -------------------------------------------------------


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


# --- where pods run, and what they are called ---------------------------------------------------


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


# --- helm test ----------------------------------------------------------------------------------


@promise(
    "helm test writes and reads through the service, with the image itself",
    arguments=lambda c: c.test_container["args"].remove("--write"),
    host=lambda c: c.test_container["args"].__setitem__(3, "localhost"),
    port=lambda c: c.test_container["args"].__setitem__(5, "1"),
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
    assert c.test_container["args"] == ["health", "--write", *address]


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
