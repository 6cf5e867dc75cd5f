"""Runs that the calendar and the bucket start: a backfill over past intervals, and new raw objects."""

from __future__ import annotations

import random

import pytest

pytestmark = [pytest.mark.whole, pytest.mark.timeout(600)]

_BACKFILL = ("backfill", "create", "--dag-id", "scheduled_retrain", "--from-date", "2025-12-28", "--to-date",
             "2026-01-13")  # fmt: skip
_INTERVALS = {
    "before any data": "sched-weekly-rows-20251229t0300-backfill",
    "first version": "sched-weekly-rows-20260105t0300-backfill",
    "second version": "sched-weekly-rows-20260112t0300-backfill",
}


def _write(system, dataset, rows, moment=None):
    """So many rows of wine as `dataset`; its description comes first, so that the data are complete."""
    header, lines = system.rows("wine")
    metadata = system.aws("s3").get_object(Bucket="mlops-bucket", Key="datasets/wine/raw/metadata.json")["Body"].read()
    system.put(f"datasets/{dataset}/raw/metadata.json", metadata.decode(), "2026-01-01T00:00:00Z")
    # They lie in order of class.
    chosen = random.Random(0).sample(lines, rows)
    system.put(f"datasets/{dataset}/raw/data.csv", "\n".join([header, *chosen]) + "\n", moment)


def _runs(system, trigger, dataset):
    found = system.bridge.call("list_runs", {"limit": 200})["runs"]
    return [run for run in found if run["trigger"] == trigger and run["spec"]["dataset"]["name"] == dataset]


def file_ahead(system):
    """A backfill, and objects that arrive meanwhile: of a data set the policy names, of another, and no raw one."""
    system.put("datasets/nobodys_rows/raw/data.csv", "a,b\n1,2\n")
    system.put("datasets/arriving_rows/versions/v9.0.0/data.csv", "a,b\n1,2\n")
    _write(system, "arriving_rows", 120)
    _write(system, "scheduled_rows", 110, "2026-01-01T00:00:00Z")
    _write(system, "scheduled_rows", 140, "2026-01-08T00:00:00Z")
    _write(system, "scheduled_rows", 170)
    system.airflow_command(*_BACKFILL)


@pytest.fixture(scope="module")
def backfilled(system):
    """Records of the three intervals, by what lay in the bucket at their ends."""
    keys = set(_INTERVALS.values())

    def started():
        return {run["run_key"] for run in _runs(system, "backfill", "scheduled_rows")} >= keys

    system.eventually(started, "each interval has its run")
    return {name: system.reported(key) for name, key in _INTERVALS.items()}


@pytest.mark.parametrize(("interval", "rows"), [("first version", 110), ("second version", 140)])
def test_an_interval_trains_on_the_data_as_of_its_end(backfilled, interval, rows):
    record = backfilled[interval]
    assert record["outcome"] == "registered"
    assert sum(record["phases"]["prepare"]["handle"]["rows"].values()) == rows


def test_an_interval_before_any_data_fails_and_says_so(backfilled):
    record = backfilled["before any data"]
    assert record["outcome"] == "failed"
    assert "as of 2025-12-29T03:00:00Z" in record["message"]
    assert record["history_path"]


def test_a_backfill_never_deploys(system, backfilled):
    touched = [effect["name"] for call in ("CreateEndpoint", "UpdateEndpoint") for effect in system.effects(call)]
    assert "mlops-scheduled-rows" not in touched
    assert "may not deploy" in backfilled["second version"]["phases"]["deploy"]["message"]


def test_backfilling_again_and_clearing_start_nothing(system, backfilled):
    again = (*_BACKFILL, "--reprocess-behavior", "completed")
    interval = "/dags/scheduled_retrain/dagRuns/backfill__2026-01-12T03:00:00+00:00"
    # Airflow keeps a backfill for a moment after its last run.
    system.eventually(lambda: _is_over(system), "the first backfill is over")
    before = {call: len(system.effects(call)) for call in ("CreateTrainingJob", "CreateProcessingJob")}
    system.airflow_command(*again)
    system.eventually(lambda: _is_over(system), "the second backfill is over")
    cleared = {"dry_run": False, "dag_run_id": interval.rsplit("/", 1)[1], "only_failed": False}
    system.airflow_api.post("/dags/scheduled_retrain/clearTaskInstances", json=cleared).raise_for_status()
    system.eventually(lambda: _tries(system, interval) >= 2, "the cleared tasks ran again")
    assert {run["run_key"] for run in _runs(system, "backfill", "scheduled_rows")} == set(_INTERVALS.values())
    assert {call: len(system.effects(call)) for call in before} == before


def _is_over(system):
    backfills = system.airflow_api.get("/backfills", params={"dag_id": "scheduled_retrain"}).json()["backfills"]
    return all(backfill["completed_at"] for backfill in backfills)


def _tries(system, run):
    """How often the run's last task has succeeded, by its try number; 0 while it is at work."""
    tasks = system.airflow_api.get(f"{run}/taskInstances").json()["task_instances"]
    return min(task["try_number"] if task["state"] == "success" else 0 for task in tasks)


def test_new_raw_objects_start_one_run_where_policy_says_so(system):
    started = system.eventually(lambda: _runs(system, "new_data", "arriving_rows"), "the arrival starts a run")
    record = system.reported(started[0]["run_key"])
    assert record["outcome"] == "registered"
    assert sum(record["phases"]["prepare"]["handle"]["rows"].values()) == 120
    # The run has written its own prepared data below datasets/ by now; they and other data sets start nothing.
    assert len(_runs(system, "new_data", "arriving_rows")) == 1
    assert _runs(system, "new_data", "nobodys_rows") == []
