"""An Airflow that forgot everything goes on with the ledger's runs, and with nothing else."""

from __future__ import annotations

import pytest

from mlops import runs as life
from mlops.errors import Unavailable
from mlops.outcome import conclude
from mlops.record import RunState
from mlops.recovery import runs
from mlops.recovery.__main__ import recover_runs
from mlops.runs import Remedy
from mlops.spec import parse_issue, to_parameters
from tests.mlops.bodies import GOOD
from tests.mlops.records import deployed_record, put, running_record


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(runs, "_PAUSE_S", 0.01)


@pytest.fixture
def said():
    return []


def test_a_run_under_way_is_started_again_at_once_under_its_own_key(house, airflow, started, said):
    _, run_key = started
    put(house, run_key, running_record())
    airflow.runs.clear()
    (step,) = runs.plan(house)
    assert (step.record.run_key, step.remedy) == (run_key, Remedy.START_AGAIN)
    assert f"{run_key} (issue 1): started in train; start again" in str(step)
    assert airflow.runs == {}, "a plan changes nothing"
    assert runs.recover(house, [step], said.append) == []
    assert list(airflow.runs) == [run_key]
    assert [each.remedy for each in runs.plan(house)] == [Remedy.NONE], "a second call finds nothing to do"


def test_finished_runs_and_those_that_wait_are_left_alone(house, airflow, said):
    over = conclude(deployed_record(issue=None, run_key="ui-1"), max_retrainings=3, now="2026-11-23T10:10:00Z")
    house.ledger.create_run(over.model_copy(update={"reported_at": "2026-11-23T10:10:05Z"}))
    house.ledger.create_run(running_record(issue=None, run_key="ui-2", state=RunState.AWAITING_APPROVAL))
    steps = runs.plan(house)
    assert [(step.record.run_key, step.remedy) for step in steps] == [("ui-2", Remedy.NONE)]
    runs.recover(house, steps, said.append)
    assert airflow.creates == []


def test_a_run_from_the_form_comes_back_under_airflows_own_id(house, airflow, said):
    run_id = "manual__2026-11-23T10:00:00+00:00"
    life.open_run(house, "ui-0123456789ab", run_id, to_parameters(parse_issue(GOOD)))
    runs.recover(house, runs.plan(house), said.append)
    assert list(airflow.runs) == [run_id]
    assert airflow.runs[run_id]["conf"]["algorithm"] == to_parameters(parse_issue(GOOD))["algorithm"]


def test_one_run_that_cannot_be_mended_is_named_and_the_rest_go_on(house, airflow, started, said, monkeypatch):
    _, run_key = started
    over = conclude(deployed_record(issue=None, run_key="ui-2"), max_retrainings=3, now="2026-11-23T10:10:00Z")
    house.ledger.create_run(over)
    airflow.runs.clear()
    steps = runs.plan(house)
    airflow.down = True
    assert runs.recover(house, steps, said.append) == [run_key]
    assert house.ledger.require_run("ui-2").reported_at


def test_waiting_ends_when_the_dag_is_parsed_and_names_what_is_paused(house, airflow, said):
    airflow.unparsed, airflow.paused = 2, {"monitoring"}
    assert runs.wait_for_airflow(house, said.append, patience_s=5) == ["monitoring"]
    assert said == ["Waiting: Airflow answers and has not parsed lifecycle yet"]


def test_an_airflow_that_stays_away_is_an_error_and_not_a_plan(house, airflow, said):
    airflow.unparsed = 10_000
    with pytest.raises(Unavailable, match="waited"):
        runs.wait_for_airflow(house, said.append, patience_s=0.05)


def test_the_command_says_what_it_would_do_and_then_does_it(house, airflow, started, capsys):
    _, run_key = started
    airflow.runs.clear()
    assert recover_runs(house, wait_s=5, plan_only=True) == 1
    assert f"would  {run_key}" in capsys.readouterr().out
    assert airflow.runs == {}
    assert recover_runs(house, wait_s=5, plan_only=False) == 0
    assert recover_runs(house, wait_s=5, plan_only=True) == 0
