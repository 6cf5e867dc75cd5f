"""What the sensor found, handed to the bridge."""

from __future__ import annotations

import pytest
from operators.intake import AdmitOperator

from mlops.telemetry import tracing


@pytest.fixture
def found(context):
    context["ti"].dag_id = "issue_intake"
    context["ti"].xcoms["wait_for_issues"] = {
        "numbers": [7], "cursor": {"since": "x"}, "sensed": [1_800_000_000.5, 1_800_000_001.0]
    }  # fmt: skip
    return context


def admit(context):
    return AdmitOperator(task_id="admit_issues", agent="issue_detector", sensor="wait_for_issues").execute(context)


def test_numbers_and_cursor_are_asked_for_and_nothing_else(bridge_server, script, found):
    script.on("admit_issues", {"admissions": []})
    admit(found)
    asked = {name: value for name, value in script.asked[0][1].items() if name != "idempotency_key"}
    assert asked == {"numbers": [7], "cursor": {"since": "x"}}


def test_call_says_what_the_sensor_saw(bridge_server, script, found, monkeypatch):
    said = []
    monkeypatch.setattr(AdmitOperator, "call", lambda *_, **__: said.append(tracing._moments("sensed")) or {})
    admit(found)
    assert said == [[1_800_000_000.5, 1_800_000_001.0]]
