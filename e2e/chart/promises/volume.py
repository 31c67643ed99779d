"""The pods and their volume."""

from promises.registry import promise
from rendered import seconds


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
    mounts, volumes = c.container["volumeMounts"], c.pod["volumes"]
    assert mounts[0] == {"name": "storage", "mountPath": path}
    claim = {"claimName": c.values["pvc"]["claimName"]}
    assert volumes[0] == {"name": "storage", "persistentVolumeClaim": claim}
    # And nothing else, other than the access file.
    assert len(mounts) == len(volumes) == 1 + c.is_closed


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
