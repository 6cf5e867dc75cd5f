"""Runs with the state machine in front: real executions around real Airflow runs."""

from __future__ import annotations

import contextlib
import json

import psutil
import pytest

from tests.whole.bodies import issue_about
from twin.environment import workflow_arn
from twin.infra.permissions.render import ROLES
from twin.infra.permissions.replay import replay

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]


class Runs:
    def __init__(self, system):
        self.system = system
        self.functions = system.aws("stepfunctions")

    def file(self, body: str) -> str:
        """The run key of a new issue's run."""
        issue = self.system.file_issue(body)
        return self.system.eventually(lambda: self.system.runs(issue), f"issue {issue} became a run")[0]["run_key"]

    def execution(self, key: str) -> dict:
        return self.functions.describe_execution(executionArn=self.arn(key))

    def ended(self, key: str) -> dict:
        self.system.eventually(lambda: self.execution(key)["status"] != "RUNNING", f"the execution of {key} ended")
        return self.execution(key)

    def history(self, key: str) -> list[dict]:
        return self.functions.get_execution_history(executionArn=self.arn(key), maxResults=1000)["events"]

    def states(self, key: str) -> list[str]:
        entered = [event.get("stateEnteredEventDetails") for event in self.history(key)]
        return [details["name"] for details in entered if details]

    def reached(self, key: str, state: str) -> None:
        self.system.eventually(lambda: state in self.states(key), f"{key} reached {state}")

    @staticmethod
    def arn(key: str) -> str:
        return f"{workflow_arn().replace(':stateMachine:', ':execution:')}:{key}"


@pytest.fixture(scope="module")
def runs(system_with_workflow) -> Runs:
    return Runs(system_with_workflow)


@pytest.fixture(scope="module")
def filed(runs) -> dict[str, str]:
    """Four runs at once, each with its own end."""
    return {
        "good": runs.file(issue_about("good", deployment={"target": "sagemaker_endpoint"})),
        "bad": runs.file(issue_about("bad", dataset={"name": "wine", "target": "nope"})),
        "stopped": runs.file(issue_about("stopped")),
        "aborted": runs.file(issue_about("aborted")),
    }


def test_stopped_execution_ends_the_run(runs, filed):
    key = filed["aborted"]
    runs.reached(key, "prepare")
    runs.functions.stop_execution(executionArn=runs.arn(key), error="Console", cause="Too dear.")
    runs.system.trigger("monitoring")
    record = runs.system.eventually(lambda: _over(runs.system.record(key)), f"{key} is over")
    assert record["outcome"] == "stopped"
    assert record["message"].startswith("Its execution in Step Functions was stopped. Too dear.")


def test_stopped_run_ends_the_execution(runs, filed):
    key = filed["stopped"]
    runs.reached(key, "prepare")
    runs.system.comment(runs.system.record(key)["issue"], "/stop")
    ended = runs.ended(key)
    assert (ended["status"], ended["error"], ended["cause"]) == ("ABORTED", "Mlops.Stopped", "Stopped by octocat.")


def test_run_that_fails_fails_its_execution(runs, filed):
    key = filed["bad"]
    ended = runs.ended(key)
    assert (ended["status"], ended["error"]) == ("FAILED", "Mlops.PhaseFailed")
    assert "nope" in ended["cause"]
    reporting = f"dags/workflow_failure/dagRuns/{key}"
    runs.system.eventually(lambda: runs.system.airflow(reporting)["state"] == "success", f"{key} was reported")
    record = runs.system.record(key)
    assert record["phases"]["prepare"]["state"] == record["outcome"] == "failed"


def test_run_that_succeeds_hands_on_what_every_phase_made(runs, filed):
    ended = runs.ended(filed["good"])
    assert ended["status"] == "SUCCEEDED"
    record = runs.system.record(filed["good"])
    output = json.loads(ended["output"])
    assert {phase: output[phase]["state"] for phase in record["phases"]} == dict.fromkeys(record["phases"], "succeeded")
    assert output["package"]["result"] == record["phases"]["package"]["handle"]
    assert output["retrain"]["result"]["outcome"] == record["outcome"] == "deployed"


def test_phase_whose_job_is_killed_is_entered_again(runs):
    seconds = {"hidden_layers": [256, 256], "epochs": 60, "early_stopping_patience": 200}
    key = runs.file(
        issue_about("killed", algorithm="neural_network", dataset={"name": "digits"}, hyperparameters=seconds)
    )
    runs.system.eventually(lambda: [process.kill() or process for process in _training(key)], f"{key} trains")
    ended = runs.ended(key)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    failures = [event for event in runs.history(key) if event["type"] == "TaskFailed"]
    assert [event["taskFailedEventDetails"]["error"] for event in failures] == ["Mlops.PlatformFault"]
    jobs = [effect["name"] for effect in runs.system.effects("CreateTrainingJob") if key in effect["name"]]
    assert sorted(jobs) == [f"{key}-train-t1", f"{key}-train-t2"]
    assert runs.system.record(key)["outcome"] == "registered"


def test_second_start_of_a_run_that_ended_is_refused(runs, filed):
    runs.ended(filed["good"])
    with pytest.raises(runs.functions.exceptions.ExecutionAlreadyExists):
        runs.functions.start_execution(stateMachineArn=workflow_arn(), name=filed["good"])
    assert len([e for e in runs.system.effects("StartExecution") if e["name"] == filed["good"]]) == 1


def test_no_process_did_what_its_role_may_not(runs, filed):
    """The state machine's own calls are among these."""
    runs.ended(filed["good"])
    proof = replay(ROLES, runs.system.trail())
    assert {"workflow", "mcp", "airflow", "jobs"} <= proof.calls.keys()
    assert [str(each) for each in proof.refused] == []


def _over(record: dict) -> dict | None:
    return record if record["state"] == "finished" else None


def _training(key: str) -> list[psutil.Process]:
    """The processes of a run's training job that compute now."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if f"{key}-train-" in process.environ().get("SAGEMAKER_BASE_DIR", ""):
                found.append(process)
    return found
