"""A table from one PostgreSQL database to another, its e-mail addresses masked on the way.

Each task is a pod of its own that has no volume: it reads its input from http-nas and leaves its
output there, by curl and a pipe. The pods run the shell scripts in the folder steps. They find the
databases' addresses in the secret "databases", keys "source" and "target", and the tokens for
http-nas in the secret "http-nas-tokens", keys "writer" and "reader".
"""

from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.secret import Secret
from airflow.sdk import DAG, Param
from kubernetes.client import models as k8s

# Pods that transform at once, each its share of the rows.
SHARDS = 4

STEPS = Path(__file__).parent / "steps"

SOURCE = Secret("env", "SOURCE", "databases", "source")
TARGET = Secret("env", "TARGET", "databases", "target")
# The pod that writes to the target database can read the files, and do nothing else with them.
WRITER = Secret("env", "NAS_TOKEN", "http-nas-tokens", "writer")
READER = Secret("env", "NAS_TOKEN", "http-nas-tokens", "reader")


def environment(**more):
    """The variables of a step. Values from outside come as variables, never as a part of the script."""
    return {
        "NAS": "{{ params.nas }}",
        "RUN": "{{ run_id }}",
        "TABLE": "{{ params.table }}",
        "COLUMN": "{{ params.column }}",
        "SHARDS": str(SHARDS),
        **more,
    }


def step(name):
    """What makes a pod of the script steps/NAME.sh."""
    script = (STEPS / "nas.sh").read_text() + (STEPS / f"{name}.sh").read_text()
    return {
        "task_id": name,
        "name": f"http-nas-pipeline-{name}",
        "image": "http-nas-jobs:latest",
        "image_pull_policy": "IfNotPresent",
        "cmds": ["bash", "-c"],
        "arguments": [script],
        "automount_service_account_token": False,
        "security_context": k8s.V1PodSecurityContext(
            run_as_non_root=True,
            run_as_user=2000,
            run_as_group=2000,
            seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
        ),
        "container_security_context": k8s.V1SecurityContext(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=k8s.V1Capabilities(drop=["ALL"]),
        ),
        "container_resources": k8s.V1ResourceRequirements(
            requests={"cpu": "100m", "memory": "32Mi"},
            limits={"memory": "128Mi"},
        ),
    }


with DAG(
    dag_id="http_nas_pipeline",
    description="Dump, mask in parallel, append and load, through http-nas",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    # Two runs would replace the same table at once.
    max_active_runs=1,
    default_args={
        # Every step can be repeated: what it leaves appears whole, in place of what was there.
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "execution_timeout": timedelta(hours=2),
    },
    params={
        "nas": Param("http://http-nas:3000", type="string", description="The address of http-nas"),
        "table": Param(
            "public.customers",
            type="string",
            pattern=r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$",
            description="The table, of the same form in both databases",
        ),
        "column": Param(2, type="integer", minimum=1, description="The number of the column with e-mail addresses"),
    },
    doc_md=__doc__,
    tags=["http-nas"],
):
    dump = KubernetesPodOperator(**step("dump"), env_vars=environment(), secrets=[SOURCE, WRITER])
    transform = KubernetesPodOperator.partial(**step("transform"), secrets=[WRITER]).expand(
        env_vars=[environment(SHARD=str(shard)) for shard in range(SHARDS)]
    )
    append = KubernetesPodOperator(**step("append"), env_vars=environment(), secrets=[WRITER])
    load = KubernetesPodOperator(**step("load"), env_vars=environment(), secrets=[TARGET, READER])
    # After a failure the files stay, to be looked at.
    clean = KubernetesPodOperator(**step("clean"), env_vars=environment(), secrets=[WRITER])

    dump >> transform >> append >> load >> clean
