"""What is due when, and what a backfill may do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from operators import schedules
from operators.schedules import DueSchedulesOperator, ListChecksOperator, due

from mlops.policy import parse

POLICY = """
schedules:
  - {name: mondays, cron: "0 3 * * 1", model: wine}
  - {name: daily, cron: "0 3 * * *", model: wine}
"""
MONDAY = datetime(2026, 11, 23, 3, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 24, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "names"),
    [(MONDAY, ["mondays", "daily"]), (TUESDAY, ["daily"]), (MONDAY.replace(minute=1), [])],
    ids=["both", "one", "none"],
)
def test_cron_decides_what_is_due(moment, names):
    assert due(parse(POLICY).schedules, moment) == names


def execute(tmp_path, run_type, end):
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    run = SimpleNamespace(run_type=run_type, data_interval_end=end, run_after=TUESDAY)
    return DueSchedulesOperator(task_id="due", policy_file=str(file)).execute({"dag_run": run})


def test_scheduled_interval_starts_what_is_due(tmp_path, monkeypatch):
    monkeypatch.setattr(schedules, "LATE", timedelta(days=99_999))
    assert execute(tmp_path, "scheduled", TUESDAY) == [
        {"schedule": "daily", "interval_end": "2026-11-24T03:00:00+00:00", "backfill": False}
    ]


def test_missed_interval_stays_missed(tmp_path, monkeypatch):
    """Airflow makes up for the last one after a backfill, and that run would deploy."""
    monkeypatch.setattr(schedules, "LATE", timedelta(days=-99_999))
    assert execute(tmp_path, "scheduled", TUESDAY) == []
    assert len(execute(tmp_path, "backfill", TUESDAY)) == 1


def test_past_interval_is_a_backfill(tmp_path):
    assert [one["backfill"] for one in execute(tmp_path, "backfill", MONDAY)] == [True, True]


def test_run_by_hand_starts_every_schedule_as_of_now(tmp_path):
    """Runs triggered by hand have no logical date and no interval."""
    found = execute(tmp_path, "manual", None)
    assert [one["schedule"] for one in found] == ["mondays", "daily"]
    assert {one["interval_end"] for one in found} == {TUESDAY.isoformat()}


def test_each_watched_endpoint_gets_a_check_named_by_the_run(bridge_server, script, context):
    script.on("list_watched", {"endpoints": ["mlops-a", "mlops-b"]})
    context["dag_run"] = SimpleNamespace(run_after=TUESDAY)
    checks = ListChecksOperator(task_id="list", agent="monitor").execute(context)
    assert checks == [
        {"endpoint": "mlops-a", "check_id": "20261124t030000"},
        {"endpoint": "mlops-b", "check_id": "20261124t030000"},
    ]
