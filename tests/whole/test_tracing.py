"""One trace follows a run from the sensor to its endpoint, and each log line of ours says whose work it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from mlops.telemetry import ids
from twin import environment
from twin.layout import PROJECT

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]

PHASES = ("prepare", "train", "validate", "package", "deploy", "monitor", "retrain")


BODY = """```yaml
model_type: supervised_learning
algorithm: xgboost
dataset: {name: traced_rows}
hyperparameters: {n_estimators: 20}
evaluation: {thresholds: {f1: 0.5}}
deployment: {target: sagemaker_endpoint}
```
"""


def file_ahead(system):
    """A run on data of its own: nobody has prepared them yet."""
    header, rows = system.rows("wine")
    described = system.aws("s3").get_object(Bucket=environment.BUCKET, Key="datasets/wine/raw/metadata.json")
    system.put("datasets/traced_rows/raw/metadata.json", described["Body"].read().decode())
    system.put("datasets/traced_rows/raw/data.csv", "\n".join([header, *rows]) + "\n")
    return system.file_issue(BODY)


@pytest.fixture(scope="module")
def record(system):
    return system.finished(system.ahead[file_ahead])


@pytest.fixture(scope="module")
def spans(system, record) -> dict[str, dict[str, Any]]:
    """Segments of the run's trace by id, once those that end last have come: each process sends its own."""
    last = {"run", "lifecycle.close_run", "tools/call close_run"}
    trace, xray = ids.xray(ids.trace_id(record["run_key"])), system.aws("xray")

    def look() -> dict[str, dict[str, Any]]:
        answer = xray.batch_get_traces(TraceIds=[trace])["Traces"]
        found = [json.loads(each["Document"]) for one in answer for each in one["Segments"]]
        return {each["id"]: each for each in found} if last <= {each["name"] for each in found} else {}

    return system.eventually(look, "the trace is whole", patience_s=60)


def named(spans, name):
    return [span for span in spans.values() if span["name"] == name]


def one(spans, name):
    (span,) = named(spans, name)
    return span


def above(spans, span) -> Iterator[str]:
    """Names of its parent, that one's parent, and so on."""
    while "parent_id" in span:
        span = spans[span["parent_id"]]
        yield span["name"]


def test_every_span_carries_the_run_key_and_hangs_below_the_run(spans, record):
    assert {span["annotations"].get("run_key") for span in spans.values()} == {record["run_key"]}
    assert [span["name"] for span in spans.values() if "parent_id" not in span] == ["run"]
    assert {list(above(spans, span))[-1] for span in spans.values() if "parent_id" in span} == {"run"}


def test_sensor_task_and_start_stand_in_their_order(spans):
    start = one(spans, "start_run")
    assert list(above(spans, start)) == ["issue_intake.admit_issues", "issue_intake.wait_for_issues", "run"]
    sensor = one(spans, "issue_intake.wait_for_issues")
    assert one(spans, "run")["start_time"] <= sensor["start_time"] < start["start_time"]


def test_each_phase_has_a_task_below_the_run(spans):
    tasks = [span for span in spans.values() if span["service"]["name"] == "mlops-airflow"]
    top = [span for span in tasks if list(above(spans, span)) == ["run"] and span["name"].startswith("lifecycle.")]
    assert {span["annotations"].get("phase") for span in top} == {*PHASES, None}
    assert {"lifecycle.open_run", "lifecycle.close_run"} <= {span["name"] for span in top}


@pytest.mark.parametrize(
    ("tool", "task"),
    [
        ("start_preparation", "prepare.prepare_data"), ("start_training", "train.train_model"),
        ("collect_evaluation", "validate.evaluate_model"), ("record_verdict", "validate.record_verdict"),
        ("start_packaging", "package.package_model"), ("confirm_deployment", "deploy.deploy_model"),
        ("open_watch", "monitor.open_watch"), ("decide_next", "retrain.decide_next"), ("close_run", "close_run"),
    ],
)  # fmt: skip
def test_tool_call_is_sent_by_its_task_and_answered_by_the_server(spans, tool, task):
    answered = one(spans, f"tools/call {tool}")
    assert answered["service"]["name"] == "mlops-mcp"
    assert list(above(spans, answered)) == [f"MCP send tools/call {tool}", f"lifecycle.{task}", "run"]


@pytest.mark.parametrize(
    ("job", "tool"),
    [("prepare", "start_preparation"), ("train", "start_training"), ("validate", "start_evaluation"),
     ("package", "start_packaging")],
)  # fmt: skip
def test_job_runs_below_the_call_that_started_it(spans, job, tool):
    span = one(spans, f"{job} job")
    assert span["service"]["name"] == "mlops-job"
    assert next(above(spans, span)) == f"tools/call {tool}"
    assert span["end_time"] > span["start_time"] >= spans[span["parent_id"]]["start_time"]


def test_requests_that_prove_a_deployment_reach_the_endpoint(spans):
    served = named(spans, "invocations")
    assert len(served) == 5
    for span in served:
        assert span["service"]["name"] == "mlops-endpoint"
        assert list(above(spans, span))[:2] == ["invoke_endpoint", "tools/call confirm_deployment"]


def test_polling_leaves_no_spans(spans):
    assert [span for span in spans.values() if "follow_job" in span["name"] or "get_run" in span["name"]] == []


def test_command_prints_the_tree(system, record, spans):
    done = subprocess.run(
        [sys.executable, "-m", "mlops.trace", record["run_key"]],
        cwd=PROJECT, env={**os.environ, **environment.aws(system.layout)}, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == len(spans) + 1
    assert [line.split()[0] for line in lines[1:3]] == ["run", "issue_intake.wait_for_issues"]


def test_living_comment_leads_to_the_page_of_the_trace(system, record, spans):
    import httpx

    address = f"{system.layout.url('github')}/traces/{record['run_key']}"
    assert any(address in comment["body"] for comment in system.comments(record["issue"]))
    page = httpx.get(address, timeout=10)
    assert page.status_code == 200
    assert page.text.count("<tr class") == len(spans)


# -- log lines ---------------------------------------------------------------------------------------------------------
OURS = ("operators.", "hooks.", "triggers.", "sensors.", "mlops.")
FIELDS = {"time", "level", "logger", "message"}


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def test_every_line_of_the_servers_and_the_twins_is_json(system, record, spans):
    for name in ("mcp", "twin", "supervisor"):
        found = lines_of((system.layout.logs / f"{name}.log").read_text())
        assert found
        assert [line for line in found if not line.keys() >= FIELDS] == []


def test_each_call_about_the_run_is_logged_with_run_agent_and_trace(system, record, spans):
    lines = lines_of((system.layout.logs / "mcp.log").read_text())
    ours = [line for line in lines if line.get("run_key") == record["run_key"] and "tool" in line]
    assert {"follow_job", "start_training", "confirm_deployment"} <= {line["tool"] for line in ours}
    trace = f"{ids.trace_id(record['run_key']):032x}"
    assert {(line["trace_id"], bool(line["agent"]), bool(line["span_id"])) for line in ours} == {(trace, True, True)}


def test_each_line_of_a_tasks_work_carries_the_runs_key_and_trace(system, record, spans):
    folder = system.layout.home / "airflow" / "logs" / "dag_id=lifecycle" / f"run_id={record['run_key']}"
    trace = f"{ids.trace_id(record['run_key']):032x}"
    files = sorted(folder.rglob("*.log*"))
    assert len(files) > len(PHASES)
    for file in files:
        lines = lines_of(file.read_text())
        ours = [line for line in lines if line.get("logger", "").startswith(OURS)]
        assert {(line["run_key"], line["trace_id"]) for line in ours} <= {(record["run_key"], trace)}
        assert [line for line in lines if line.get("run_key")], file.name


def test_lines_of_the_training_job_carry_the_runs_key_phase_and_span(system, record, spans):
    logs, group = system.aws("logs"), "/aws/sagemaker/TrainingJobs"
    found = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=record["run_key"])["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=found[0]["logStreamName"])["events"]
    lines = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
    job = one(spans, "train job")
    assert {line["message"] for line in lines} >= {"Started", "Finished"}
    assert {(line["run_key"], line["phase"], line["span_id"]) for line in lines} == {
        (record["run_key"], "train", job["id"])
    }


def test_lines_of_the_endpoint_carry_the_run_that_made_the_model(system, record, spans):
    group = f"/aws/sagemaker/Endpoints/{record['phases']['deploy']['handle']['endpoint']}"
    logs = system.aws("logs")
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    lines = [
        json.loads(event["message"])
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    ]
    assert all(line.keys() >= FIELDS for line in lines)
    assert record["run_key"] in {line["run_key"] for line in lines}
