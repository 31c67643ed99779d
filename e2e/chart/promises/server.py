"""The server: its flags, its service, its probes, its image."""

from promises.registry import promise
from rendered import selects


@promise(
    "every flag of the server has a value, and no variable is not one of its own",
    unset=lambda c: c.container["env"].pop(4),
    unknown=lambda c: c.container["env"].append({"name": "NODE_ENV", "value": "production"}),
    new_flag=lambda c: c.flags.update(NEW="none"),
)
def flags(c):
    assert c.flags, "the help names no flags"
    # The folder of the storage is there: the volume is mounted on it. Where the server listens,
    # HOST and PORT say. What is said of ACCESS is in access.py.
    set_elsewhere = {"CREATE_PARENTS", "LISTEN", "ACCESS"}
    assert c.environment.keys() - {"ACCESS"} == c.flags.keys() - set_elsewhere | {"RUST_LOG"}


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
    del ours["CREATE_PARENTS"], ours["LISTEN"], ours["ACCESS"]
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
    life_by_disk=lambda c: c.container["livenessProbe"]["httpGet"].update(path="/readyz"),
    full_disk=lambda c: c.container["readinessProbe"]["httpGet"].update(path="/readyz?exclude=access"),
    broken_rules=lambda c: c.container["readinessProbe"]["httpGet"].update(path="/readyz?exclude=space"),
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
        path = "/readyz?exclude=space&exclude=access" if kind == "readinessProbe" else "/healthz"
        assert probe["httpGet"] == {"path": path, "port": c.container["ports"][0]["name"]}
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
