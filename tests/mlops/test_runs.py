"""The life of a run's record: opened, judged, failed, closed, shown; each step safe to repeat."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest

from mlops import history, runs
from mlops.errors import IssueRejected, PlatformFault, RequestRefused, Unavailable, UserFault
from mlops.identity import Phase
from mlops.outcome import conclude
from mlops.phases import progress
from mlops.record import Outcome, PhaseState, RunState, Trigger
from mlops.spec import parse_issue, to_parameters
from tests.mlops.bodies import GOOD
from tests.mlops.records import deployed_record, judged_record, put, running_record


def test_opening_twice_is_opening_once(house, forge, started):
    number, run_key = started
    first = runs.open_run(house, run_key, run_key, {})
    second = runs.open_run(house, run_key, run_key, {})
    assert first.started_at == second.started_at
    assert second.airflow_run_id == run_key
    assert len(forge.comments(number)) == 1


def test_a_run_from_the_form_gets_a_record_and_no_comment(house, forge):
    parameters = to_parameters(parse_issue(GOOD))
    record = runs.open_run(house, "ui-0123456789ab", "manual__2026-11-23T10:00:00+00:00", parameters)
    assert (record.trigger, record.issue, record.state) == (Trigger.UI, None, RunState.STARTED)
    assert record.spec["hyperparameters"]["n_estimators"] == 50
    runs.open_run(house, "ui-0123456789ab", "manual__2026-11-23T10:00:00+00:00", parameters)
    assert len(house.ledger.list_runs()) == 1
    assert forge.effects("comment.created") == []


def test_wrong_parameters_of_the_form_are_refused_with_all_mistakes(house):
    parameters = {**to_parameters(parse_issue(GOOD)), "hyperparameters_n_estimators": -1}
    with pytest.raises(IssueRejected):
        runs.open_run(house, "ui-0123456789ab", "manual__1", parameters)


def test_the_form_is_held_to_this_installations_buckets_as_an_issue_is(house):
    house.settings = dataclasses.replace(house.settings, data_buckets=("our-data",))
    ours = {**to_parameters(parse_issue(GOOD)), "dataset_s3_uri": "s3://our-data/wine/"}
    record = runs.open_run(house, "ui-0123456789ab", "manual__1", ours)
    assert record.spec["dataset"]["s3_uri"] == "s3://our-data/wine/"
    with pytest.raises(IssueRejected, match="our-data"):
        runs.open_run(house, "ui-0123456789ac", "manual__2", {**ours, "dataset_s3_uri": "s3://mlops-bucket/wine/"})


def test_an_unknown_run_without_parameters_is_refused(house):
    with pytest.raises(RequestRefused, match="no parameters"):
        runs.open_run(house, "ui-0123456789ab", "manual__1", None)


def test_a_run_that_is_over_or_waits_cannot_be_opened(house, started):
    _, run_key = started
    house.ledger.update_run(run_key, lambda known: known.model_copy(update={"state": RunState.AWAITING_APPROVAL}))
    with pytest.raises(RequestRefused, match="/approve"):
        runs.open_run(house, run_key, run_key)
    house.ledger.update_run(run_key, lambda known: known.model_copy(update={"state": RunState.FINISHED}))
    with pytest.raises(RequestRefused, match="/rerun"):
        runs.open_run(house, run_key, run_key)


def test_the_verdict_is_shown_as_soon_as_it_is_spoken(house, forge, started):
    number, run_key = started
    judged = judged_record(value=0.9)
    put(house, run_key, judged.model_copy(update={"verdict": None}))
    runs.record_verdict(house, run_key, judged.verdict)
    runs.record_verdict(house, run_key, judged.verdict)
    assert "| ❌ | `f1` | 0.9 | ≥ 0.95 |" in forge.comments(number)[0]


def test_a_failure_is_shown_with_its_phase_and_the_phases_own_words_stay(house, forge, started):
    number, run_key = started
    put(house, run_key, running_record())
    runs.report_failure(house, run_key, "train", "HTTP 500 & <b>@octocat</b>")
    assert "train failed: HTTP 500 \\& \\<b\\>@\u200boctocat\\</b\\>" in forge.comments(number)[0]
    runs.report_failure(house, run_key, "train", "Something else")
    record = house.ledger.require_run(run_key)
    assert record.phases[Phase.TRAIN].message.startswith("HTTP 500")
    assert record.phases[Phase.TRAIN].state is PhaseState.FAILED


@pytest.mark.parametrize(
    ("by_phase", "by_task", "woken"),
    [(UserFault, "platform", False), (PlatformFault, "user", True), (None, "user", False), (None, "platform", True)],
)
def test_a_requesters_mistake_wakes_nobody(house, started, by_phase, by_task, woken):
    """What the phase knows of its failure counts for more than what the task heard of it."""
    _, run_key = started
    put(house, run_key, running_record())
    if by_phase:
        progress.failed(house, run_key, Phase.TRAIN, by_phase("No column."))
    runs.report_failure(house, run_key, "train", "No column.", by_task)
    runs.close_run(house, run_key)
    (told,) = house.ledger.list_items("message")
    assert (told.value["message"]["event"], told.value["message"]["wakes"]) == ("failed", woken)


def test_a_run_that_gets_through_ends_the_incident_of_the_one_before(house, started):
    _, run_key = started
    put(house, run_key, running_record())
    runs.report_failure(house, run_key, "train", "The machine is gone.")
    before = runs.close_run(house, run_key)
    again = deployed_record(run_key=f"{run_key}-2", issue=before.issue, created_at="2099-01-01T00:00:00Z")
    house.ledger.create_run(again)
    runs.close_run(house, again.run_key)
    told = [item.value["message"] for item in house.ledger.list_items("message")]
    assert {one["key"]: one["ends"] for one in told} == {run_key: [], again.run_key: [run_key]}


def test_a_failure_without_a_phase_belongs_to_the_one_under_way(house, started):
    _, run_key = started
    runs.report_failure(house, run_key, "", "Nobody knows.")
    assert house.ledger.require_run(run_key).message == "Nobody knows."
    put(house, run_key, running_record())
    runs.report_failure(house, run_key, "", "The task was killed.")
    assert house.ledger.require_run(run_key).message == "train failed: The task was killed."


def test_closing_tells_commits_labels_and_remembers(house, forge, started):
    number, run_key = started
    put(house, run_key, deployed_record())
    record = runs.close_run(house, run_key)
    assert record.outcome is Outcome.DEPLOYED
    assert record.reported_at
    assert record.history_path == f"training_history/{record.ended_at[:4]}/{run_key}.md"
    assert record.history_commit == house.repository.head("main")
    assert forge.labels(number) == {"mlops:train", "mlops:deployed"}
    (comment,) = forge.comments(number)
    assert f"/blob/{record.history_commit}/{record.history_path})" in comment
    assert history.verify(history.Commit(house.repository, "main")) == []


def test_closing_twice_commits_and_comments_once(house, forge, started):
    number, run_key = started
    put(house, run_key, judged_record(value=0.9))
    first = runs.close_run(house, run_key)
    head = house.repository.head("main")
    house.ledger.update_run(
        run_key, lambda known: known.model_copy(update={"history_commit": None, "reported_at": None})
    )
    second = runs.close_run(house, run_key)
    assert second.history_commit == first.history_commit == head == house.repository.head("main")
    assert len(forge.comments(number)) == 1


def test_a_github_that_is_away_is_asked_again(house, forge, started, monkeypatch):
    monkeypatch.setattr(history, "_TRIES", 1)
    number, run_key = started
    put(house, run_key, deployed_record())
    forge.knob("faults", {"match": "POST /api/graphql", "fault": "status", "status": 503, "count": 1})
    with pytest.raises(Unavailable):
        runs.close_run(house, run_key)
    assert "mlops:deployed" in forge.labels(number)
    assert house.ledger.require_run(run_key).reported_at is None
    assert runs.close_run(house, run_key).history_commit


def test_a_comment_that_github_refuses_ends_no_run_and_keeps_nothing_else_back(house, forge, started):
    number, run_key = started
    forge.knob("faults", {"match": "POST .*/comments", "fault": "status", "status": 403, "count": 40})
    forge.knob("faults", {"match": "PATCH .*/comments", "fault": "status", "status": 403, "count": 40})
    runs.open_run(house, run_key, run_key)
    judged = judged_record(value=0.9)
    put(house, run_key, judged.model_copy(update={"verdict": None}))
    runs.record_verdict(house, run_key, judged.verdict)
    with pytest.raises(RequestRefused, match="403"):
        runs.close_run(house, run_key)
    record = house.ledger.require_run(run_key)
    assert record.history_commit
    assert record.reported_at is None
    forge.knob("faults", None, "DELETE")
    assert runs.close_run(house, run_key).reported_at
    (comment,) = forge.comments(number)
    assert "Below the threshold" in comment


def test_a_run_from_the_form_is_recorded_without_an_issue(house):
    runs.open_run(house, "ui-0123456789ab", "manual__1", to_parameters(parse_issue(GOOD)))
    put(house, "ui-0123456789ab", judged_record(value=0.9))
    record = runs.close_run(house, "ui-0123456789ab")
    assert record.outcome is Outcome.BELOW_THRESHOLD
    assert json.loads(house.repository.read_file(record.history_path.replace(".md", ".json"), "main"))["number"] == 1


# -- putting right -----------------------------------------------------------------------------------------------------
@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(runs, "_STALE", timedelta(seconds=-1))


def test_reconcile_closes_what_airflow_ended_in_silence(house, forge, airflow, started, at_once):
    number, run_key = started
    put(house, run_key, running_record())
    airflow.runs[run_key]["state"] = "failed"
    assert runs.reconcile(house)["closed"] == [run_key]
    assert "train failed: The Airflow run ended without saying why" in forge.comments(number)[0]
    assert runs.reconcile(house) == {"started": [], "closed": [], "messages": 0, "failed": []}


def test_reconcile_starts_again_what_airflow_lost(house, airflow, started, at_once):
    _, run_key = started
    airflow.runs.clear()
    assert runs.reconcile(house)["started"] == [run_key]
    assert run_key in airflow.runs


def test_reconcile_leaves_running_runs_and_waiting_ones_alone(house, airflow, started, at_once):
    house.ledger.create_run(running_record(issue=None, run_key="ui-1", state=RunState.AWAITING_APPROVAL))
    assert runs.reconcile(house)["started"] == runs.reconcile(house)["closed"] == []


def test_reconcile_completes_a_report_that_was_cut_short(house, started, at_once):
    _, run_key = started
    put(house, run_key, deployed_record())
    house.ledger.update_run(run_key, lambda known: conclude(known, max_retrainings=3, now="2026-11-23T10:10:00Z"))
    assert runs.reconcile(house)["closed"] == [run_key]
    assert house.ledger.require_run(run_key).history_commit


def test_one_run_that_cannot_be_mended_leaves_the_others_be(house, airflow, started, at_once):
    _, run_key = started
    airflow.down = True
    over = conclude(deployed_record(issue=None, run_key="ui-2"), max_retrainings=3, now="2026-11-23T10:10:00Z")
    house.ledger.create_run(over)
    done = runs.reconcile(house)
    assert (done["failed"], done["closed"]) == ([run_key], ["ui-2"])
