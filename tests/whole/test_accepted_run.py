"""A labelled issue becomes a served model: looked at from every side a user has."""

from __future__ import annotations

import json
import re

import psutil
import pytest

from twin import environment
from twin.follow import read_example
from twin.layout import PROJECT

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]


def file_ahead(system):
    return system.file_issue(read_example(PROJECT / "examples/issues/breast_cancer_xgboost.md").body)


@pytest.fixture(scope="module")
def issue(system):
    return system.ahead[file_ahead]


@pytest.fixture(scope="module")
def record(system, issue):
    return system.finished(issue)


def test_the_run_is_deployed_and_every_phase_succeeded(record):
    assert record["outcome"] == "deployed"
    assert {phase: state["state"] for phase, state in record["phases"].items()} == dict.fromkeys(
        record["phases"], "succeeded"
    )


def test_the_run_key_names_repository_issue_and_revision(record, issue):
    assert re.fullmatch(rf"gh-4242-{issue}-[0-9a-f]{{12}}", record["run_key"])


def test_airflow_holds_one_run_of_that_name(system, record):
    def ended() -> str:
        state = system.airflow(f"dags/lifecycle/dagRuns/{record['run_key']}")["state"]
        return "" if state == "running" else state  # its last task is at work still when the run is reported

    assert system.eventually(ended, "the run ended in Airflow, too") == "success"


def test_the_endpoint_answers_with_the_new_version(system, record):
    deployment = record["phases"]["deploy"]["handle"]
    features = record["phases"]["prepare"]["handle"]["features"]
    answer = system.aws("sagemaker-runtime").invoke_endpoint(
        EndpointName=deployment["endpoint"],
        ContentType="application/json",
        Body=json.dumps({"instances": [[1.0] * features]}),
    )
    body = json.loads(answer["Body"].read())
    assert body["model_version"] == deployment["version"]
    assert len(body["predictions"]) == 1


def test_the_model_is_in_the_registry_with_its_metrics_and_lineage(system, record):
    version = record["phases"]["package"]["handle"]
    package = system.aws("sagemaker").describe_model_package(ModelPackageName=version["package_arn"])
    lineage = package["CustomerMetadataProperties"]
    assert record["run_key"] in lineage.values()
    assert version["version"] in lineage.values()


def test_one_training_job_was_paid_for(system, record):
    names = [effect["name"] for effect in system.effects("CreateTrainingJob")]
    assert sum(record["run_key"] in name for name in names) == 1


def test_one_living_comment_shows_phases_metrics_and_plots(system, issue, record):
    living = [c for c in system.comments(issue) if f"mlops-run:{record['run_key']}" in c["body"]]
    assert len(living) == 1
    for word in (
        "prepare",
        "train",
        "validate",
        "package",
        "deploy",
        "monitor",
        "retrain",
        "f1",
        "confusion_matrix.png",
    ):
        assert word in living[0]["body"]


def test_the_label_shows_the_outcome(system, issue, record):
    assert "mlops:deployed" in system.labels(issue)
    assert "mlops:running" not in system.labels(issue)


def test_the_record_is_committed_as_markdown_and_json(system, record):
    path = record["history_path"]
    assert path.startswith("training_history/")
    for suffix in ("md", "json"):
        reply = system.github.get(
            f"/contents/{path.rsplit('.', 1)[0]}.{suffix}", headers={"Accept": "application/vnd.github.raw+json"}
        )
        assert reply.status_code == 200
        assert record["run_key"] in reply.text


def test_an_edit_that_means_the_same_starts_nothing(system, issue, record):
    body = system.github.get(f"/issues/{issue}").json()["body"]
    system.github.patch(f"/issues/{issue}", json={"body": body + "\nThanks!\n"}).raise_for_status()
    # Another issue, refused after this edit was seen, shows that the poll has passed it.
    later = system.file_issue("```yaml\nalgorithm: none\n```")
    system.eventually(lambda: "mlops:refused" in system.labels(later), "the later issue is refused")
    assert len(system.runs(issue)) == 1


def test_every_port_is_open_to_this_machine_only(system, record):
    supervisor = psutil.Process(int(system.layout.pid_file.read_text()))
    pids = {process.pid for process in supervisor.children(recursive=True)}
    listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.pid in pids]
    assert {c.laddr.port for c in listening} >= set(system.layout.ports.values())
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}


def test_mlflow_holds_the_run_with_its_metrics(system, record):
    from mlflow import MlflowClient

    database = environment.mlflow_home(system.layout) / "mlflow.db"
    run = MlflowClient(tracking_uri=f"sqlite:///{database}").get_run(record["mlflow_run_id"])
    measured = record["phases"]["validate"]["handle"]["metrics"]
    assert run.data.metrics["test_f1"] == pytest.approx(measured["f1"])
    assert run.data.params
