"""What the pods may do."""

from promises.registry import promise


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
