"""Executions that really run in the twin's interpreter, against the Airflow stand-in."""

from __future__ import annotations

import json

import pytest

from mlops.errors import PlatformFault, RequestRefused, UserFault
from mlops.identity import Phase
from mlops.phases import progress
from mlops.record import Outcome, PhaseState
from mlops.services import Services
from mlops.settings import Settings
from mlops.workflow import life

FRONT, BACK = (Phase.PREPARE, Phase.TRAIN, Phase.VALIDATE), (Phase.PACKAGE, Phase.DEPLOY, Phase.MONITOR, Phase.RETRAIN)


def test_every_phase_hands_its_result_to_its_state(machine):
    record = machine.open_run()
    machine.start(record)
    for phase in FRONT:
        machine.token(record, phase)
        machine.end(record, phase)
    machine.judge(record)
    for phase in BACK:
        machine.token(record, phase)
        machine.end(record, phase)
    machine.close(record, Outcome.DEPLOYED)
    ended = machine.ended(record)
    output = json.loads(ended["output"])
    assert ended["status"] == "SUCCEEDED"
    assert {phase: output[phase]["result"]["of"] for phase in Phase} == {phase: phase.value for phase in Phase}
    assert output["retrain"]["result"]["outcome"] == "deployed"
    assert [state for state in machine.states(record) if state in list(Phase)] == [phase.value for phase in Phase]
    assert machine.airflow.creates.count(record.run_key) == 1
    assert machine.airflow.runs[record.run_key]["conf"] == {"algorithm": "xgboost"}


def test_phases_that_ended_before_their_states_were_reached_are_passed(machine):
    record = machine.open_run()
    machine.end(record, *FRONT, *BACK)
    machine.judge(record)
    machine.close(record, Outcome.DEPLOYED)
    machine.start(record)
    ended = machine.ended(record)
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["package"]["result"] == {"of": "package"}


def test_model_that_is_not_accepted_is_not_packaged(machine):
    record = machine.open_run()
    machine.end(record, *FRONT)
    machine.judge(record, accepted=False)
    machine.start(record)
    machine.token(record, Phase.RETRAIN)
    machine.end(record, Phase.RETRAIN)
    machine.close(record, Outcome.BELOW_THRESHOLD)
    assert machine.ended(record)["status"] == "SUCCEEDED"
    assert "package" not in machine.states(record)


def test_attempt_that_failed_is_waited_for_again(machine):
    record = machine.open_run()
    machine.start(record)
    first = machine.token(record, Phase.PREPARE)
    progress.failed(machine.services, record.run_key, Phase.PREPARE, PlatformFault("The instance was lost."))
    assert machine.token(record, Phase.PREPARE) != first
    machine.end(record, Phase.PREPARE)
    machine.token(record, Phase.TRAIN)
    failures = [event["taskFailedEventDetails"] for event in machine.history(record) if event["type"] == "TaskFailed"]
    assert [(one["error"], one["cause"]) for one in failures] == [("Mlops.PlatformFault", "The instance was lost.")]


def test_attempts_that_fail_four_times_fail_the_execution(machine):
    record = machine.open_run()
    machine.start(record)
    for _ in range(4):
        machine.token(record, Phase.PREPARE)
        life.attempt_failed(machine.services, record.run_key, Phase.PREPARE, PlatformFault("lost"))
    ended = machine.ended(record)
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "Mlops.PlatformFault", "lost")


def test_run_that_failed_fails_its_execution_and_is_reported(machine):
    record = machine.open_run()
    machine.start(record)
    machine.token(record, Phase.PREPARE)
    progress.failed(machine.services, record.run_key, Phase.PREPARE, UserFault("target: no column y"))
    machine.close(record, Outcome.FAILED)
    ended = machine.ended(record)
    assert (ended["status"], ended["error"]) == ("FAILED", "Mlops.PhaseFailed")
    assert ended["cause"] == "target: no column y"
    assert [one["run_key"] for one in machine.airflow.failures].count(record.run_key) == 1


def test_failure_that_airflow_cannot_report_is_told_to_the_operators(machine):
    record = machine.open_run()
    machine.airflow.down = True
    try:
        machine.start(record)
        ended = machine.ended(record)
    finally:
        machine.airflow.down = False
    assert ended["error"] == "Mwaa.RestApiServerException"
    assert "tell_operators" in machine.states(record)


def test_airflow_run_that_exists_is_adopted(machine):
    record = machine.open_run()
    machine.airflow.runs[record.run_key] = {"dag_run_id": record.run_key, "state": "running", "conf": {}}
    machine.start(record)
    machine.token(record, Phase.PREPARE)
    assert "adopt_run" in machine.states(record)
    assert record.run_key not in machine.airflow.creates


def test_second_start_makes_no_second_run_even_after_the_end(machine):
    record = machine.open_run()
    machine.start(record)
    machine.token(record, Phase.PREPARE)
    machine.start(record)
    life.stop(machine.services, record.run_key, "Stopped by octocat.")
    machine.ended(record)
    machine.start(record)
    assert machine.airflow.creates.count(record.run_key) == 1
    executions = machine.functions.list_executions(
        stateMachineArn=machine.services.settings.workflow_arn, maxResults=1000
    )
    assert [one["name"] for one in executions["executions"]].count(record.run_key) == 1


def test_stopped_run_ends_its_execution(machine):
    record = machine.open_run()
    machine.start(record)
    machine.token(record, Phase.PREPARE)
    life.stop(machine.services, record.run_key, "Stopped by octocat.")
    ended = machine.ended(record)
    assert (ended["status"], ended["error"], ended["cause"]) == ("ABORTED", "Mlops.Stopped", "Stopped by octocat.")


def test_stopped_execution_ends_its_run(machine):
    record = machine.open_run()
    machine.start(record)
    machine.token(record, Phase.PREPARE)
    machine.functions.stop_execution(executionArn=machine.arn(record), error="Console", cause="Too dear.")
    machine.ended(record)
    with pytest.raises(RequestRefused, match=r"was stopped\. Too dear"):
        progress.require_live(machine.services, record.run_key)
    assert machine.services.ledger.require_run(record.run_key).outcome is Outcome.STOPPED
    told = []
    life.follow_up(machine.services, lambda known, message: told.append((known.run_key, message)))
    assert (record.run_key, "Its execution in Step Functions was stopped. Too dear.") in told


def test_word_that_was_lost_is_said_again(machine):
    record = machine.open_run()
    machine.start(record)
    machine.token(record, Phase.PREPARE)

    def ended(known):
        known.phases[Phase.PREPARE].state = PhaseState.SUCCEEDED
        return known

    machine.services.ledger.update_run(record.run_key, ended)
    life.follow_up(machine.services, lambda known, message: None)
    machine.token(record, Phase.TRAIN)


def test_waiting_phase_is_kept_alive(machine):
    record = machine.open_run()
    machine.start(record)
    token = machine.token(record, Phase.PREPARE)
    assert life.follow_up(machine.services, lambda known, message: None) == []
    assert machine.token(record, Phase.PREPARE) == token


def test_state_machine_that_refuses_is_no_trouble_of_the_phase(machine, caplog):
    record = machine.open_run()
    away = Services(Settings(workflow_arn="no ARN"))
    away.cloud = machine.services.cloud
    life.stop(away, record.run_key, "enough")
    assert "The state machine was not told" in caplog.text


def test_nothing_is_asked_where_no_state_machine_is_configured():
    services = Services(Settings())
    life.attempt_failed(services, "gh-1-1-0", Phase.TRAIN, PlatformFault("lost"))
    assert life.aborted(services, "gh-1-1-0") is None
    assert life.follow_up(services, lambda known, message: None) == []
