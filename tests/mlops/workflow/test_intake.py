"""With a state machine, intake starts its execution; Airflow is asked by the machine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlops import intake, runs
from mlops.record import Outcome, RunState
from mlops.services import Services
from tests.mlops.bodies import GOOD

MACHINE = {"StartAt": "wait", "States": {"wait": {"Type": "Wait", "Seconds": 600, "End": True}}}


@pytest.fixture
def wrapped(house):
    """The house with a state machine in front of Airflow."""
    arn = house.cloud.client("stepfunctions").create_state_machine(
        name="mlops-workflow", definition=json.dumps(MACHINE), roleArn="arn:aws:iam::123456789012:role/mlops-workflow"
    )["stateMachineArn"]
    services = Services(replace(house.settings, workflow_arn=arn))
    services.cloud = house.cloud
    return services


def executions(services):
    found = services.cloud.client("stepfunctions").list_executions(stateMachineArn=services.settings.workflow_arn)
    return [execution["name"] for execution in found["executions"]]


def test_labelled_issue_starts_one_execution_named_by_its_run_key(wrapped, forge, airflow):
    number = forge.file(GOOD)
    for _ in range(5):
        (admission,) = intake.admit(wrapped, [number])
    record = wrapped.ledger.require_run(admission.run_key)
    assert executions(wrapped) == [record.run_key]
    assert record.state is RunState.STARTED
    assert airflow.creates == []


def test_input_holds_the_parameters_and_nothing_secret(wrapped, forge):
    number = forge.file(GOOD)
    (admission,) = intake.admit(wrapped, [number])
    functions = wrapped.cloud.client("stepfunctions")
    (execution,) = functions.list_executions(stateMachineArn=wrapped.settings.workflow_arn)["executions"]
    given = json.loads(functions.describe_execution(executionArn=execution["executionArn"])["input"])
    assert set(given) == {"run_key", "conf", "note"}
    assert given["run_key"] == admission.run_key
    assert given["conf"]["hyperparameters_n_estimators"] == 50


def test_start_that_died_before_the_ledger_is_adopted(wrapped, forge):
    number = forge.file(GOOD)
    (admission,) = intake.admit(wrapped, [number])
    record = wrapped.ledger.update_run(
        admission.run_key, lambda known: known.model_copy(update={"state": RunState.APPROVED})
    )
    assert intake.start(wrapped, record).state is RunState.STARTED
    assert executions(wrapped) == [record.run_key]


def test_run_that_airflow_lost_is_started_without_the_execution_that_stands(wrapped, forge, airflow, monkeypatch):
    number = forge.file(GOOD)
    (admission,) = intake.admit(wrapped, [number])
    monkeypatch.setattr(runs, "_older", lambda services, moment: True)
    assert runs.reconcile(wrapped)["started"] == [admission.run_key]
    assert airflow.creates == [admission.run_key]


def test_comment_stop_ends_run_and_execution(wrapped, forge, airflow):
    number = forge.file(GOOD)
    (admission,) = intake.admit(wrapped, [number])
    forge.say(number, "/stop")
    intake.admit(wrapped, [number])
    functions = wrapped.cloud.client("stepfunctions")
    (execution,) = functions.list_executions(stateMachineArn=wrapped.settings.workflow_arn)["executions"]
    assert execution["status"] == "ABORTED"
    assert wrapped.ledger.require_run(admission.run_key).outcome is Outcome.STOPPED
