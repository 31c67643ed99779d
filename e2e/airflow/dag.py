"""usage: dag.py import FOLDER | shape FOLDER | run FOLDER PODS SECRETS SETTINGS

Reads the DAG in FOLDER as Airflow does.

import: says what could not be imported.
shape: its tasks, a line each: TASK KIND after TASK,TASK.
run: one run of it by Airflow, with SETTINGS (JSON) for its params. Airflow resolves templates,
expands tasks and keeps their order, and makes each pod; in place of a cluster, pod.py runs it. The
pods are kept in the folder PODS, as TASK-NUMBER.yaml in JSON, which YAML holds.
"""

import json
import sys
from pathlib import Path

import pod as node
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk.exceptions import AirflowException
from kubernetes.client import ApiClient

DAG_ID = "http_nas_pipeline"


def read(folder):
    found = DagBag(folder)
    for file, error in found.import_errors.items():
        print(f"{file}: {error}")
    if found.import_errors or DAG_ID not in found.dags:
        sys.exit(f"{sorted(found.dags)} could be imported")
    return found.dags[DAG_ID]


def shape(dag):
    for task in dag.tasks:
        kind = "each" if task.is_mapped else "one"
        operator = task.operator_class if task.is_mapped else type(task)
        assert operator is KubernetesPodOperator, operator
        print(task.task_id, kind, "after", ",".join(sorted(task.upstream_task_ids)))


def run(dag, pods, secrets, settings):
    secrets = json.loads(Path(secrets).read_text())

    def execute(operator, context):
        made = ApiClient().sanitize_for_serialization(operator.build_pod_request_obj(context))
        number = max(context["ti"].map_index, 0)
        Path(pods, f"{operator.task_id}-{number}.yaml").write_text(json.dumps(made))
        code = node.run(made, secrets)
        if code != 0:
            raise AirflowException(f"the pod of {operator.task_id} ended with {code}")

    KubernetesPodOperator.execute = execute
    # What fails here would fail again.
    for task in dag.tasks:
        if task.is_mapped:
            task.partial_kwargs["retries"] = 0
        else:
            task.retries = 0
    ended = dag.test(run_conf=json.loads(settings))
    print("run", ended.run_id, ended.state.value)
    return ended.state.value != "success"


if __name__ == "__main__":
    what, dags, *rest = sys.argv[1:]
    the_dag = read(dags)
    if what == "shape":
        shape(the_dag)
    elif what == "run":
        sys.exit(run(the_dag, *rest))
