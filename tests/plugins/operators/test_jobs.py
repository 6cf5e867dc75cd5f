"""Start or adopt, wait, collect; never two jobs, never a job nobody waits for."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import TaskDeferred
from operators.jobs import JobOperator
from triggers.jobs import JobTrigger

JOB = {"name": "gh-1-train-t1", "kind": "training", "adopted": False}


@pytest.fixture
def operator(bridge_server):
    return JobOperator(task_id="train_model", agent="training", start="start_training", collect="collect_training")


def test_job_is_waited_for_in_the_triggerer(operator, script, context):
    script.on("start_training", {"job": JOB, "skipped": None})
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    trigger = deferred.value.trigger
    assert isinstance(trigger, JobTrigger)
    assert trigger.serialize()[1] == {
        "name": JOB["name"], "kind": "training", "agent": "training", "bridge_conn_id": "mlops_mcp"
    }  # fmt: skip
    assert deferred.value.timeout.total_seconds() > 3600


def test_nothing_to_wait_for_is_collected_at_once(operator, script, context):
    script.on("start_training", {"job": None, "skipped": "An identical version exists."})
    script.on("collect_training", {"model_uri": "s3://b/m"})
    assert operator.execute(context) == {"model_uri": "s3://b/m"}


def test_ended_job_is_collected(operator, script, context):
    script.on("collect_training", {"model_uri": "s3://b/m"})
    event = {"name": JOB["name"], "state": "succeeded", "reason": ""}
    assert operator.collect_result(context, event) == {"model_uri": "s3://b/m"}


def test_retry_may_start_the_next_attempt_and_collects_under_the_same_key(operator, script, context):
    """A stored answer of the first try would name the job that failed, for ever."""
    script.on("start_training", {"job": None, "skipped": "-"})
    script.on("collect_training", {})
    operator.execute(context)
    context["ti"].try_number = 2
    operator.execute(context)
    assert len(set(script.keys_of("start_training"))) == 2
    assert len(set(script.keys_of("collect_training"))) == 1


def test_killed_between_submitting_and_waiting_stops_the_job(operator, script, context):
    script.on("start_training", {"job": JOB, "skipped": None})
    script.on("stop_job", {})
    with pytest.raises(TaskDeferred):
        operator.execute(context)
    operator.on_kill()
    assert script.asked[-1] == (
        "stop_job", {"name": JOB["name"], "kind": "training", "idempotency_key": f"stop/{JOB['name']}"}
    )  # fmt: skip


def test_nothing_submitted_nothing_to_stop(operator, script):
    operator.on_kill()
    assert script.asked == []
