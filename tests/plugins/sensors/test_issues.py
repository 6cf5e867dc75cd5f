"""The sensor waits in the triggerer, from where the last admitted poll ended."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from sensors.issues import IssueSensor

CURSOR = {"since": "2026-11-23T10:00:00Z", "seen": {"7": "2026-11-23T10:05:00Z"}}


@pytest.fixture
def sensor(bridge_server, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/perception")
    return IssueSensor(task_id="wait", agent="issue_detector")


def test_waits_from_the_last_cursor(sensor, script, context):
    script.on("intake_cursor", {"cursor": CURSOR})
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(context)
    stored = deferred.value.trigger.serialize()[1]
    assert stored["cursor"] == CURSOR
    assert stored["repository"] == "acme/perception"
    assert stored["labels"] == ["mlops:train", "mlops"]


def test_what_was_found_is_what_admit_issues_asks_for(sensor, context):
    event = {"numbers": [7], "cursor": CURSOR}
    assert sensor.found(context, event) == event


def test_refusal_of_github_fails_the_task(sensor, context):
    with pytest.raises(AirflowException, match="HTTP 401"):
        sensor.found(context, {"error": "GitHub answered HTTP 401"})


def test_without_a_repository_it_says_what_to_set(sensor, context, monkeypatch):
    monkeypatch.delenv("GITHUB_REPOSITORY")
    with pytest.raises(AirflowFailException, match="GITHUB_REPOSITORY"):
        sensor.execute(context)
