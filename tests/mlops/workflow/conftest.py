"""A twin whose state machine stands in front of the Airflow stand-in, one a module."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlops.aws import Cloud
from mlops.identity import Phase
from mlops.record import Outcome, PhaseRecord, PhaseState, RunRecord, RunState
from mlops.services import Services
from mlops.settings import Settings
from mlops.workflow import life
from mlops.workflow.definition import definition, rendered
from tests.mlops.records import running_record
from tests.mlops.stand_ins import AirflowStandIn, ServerThread

_NUMBERS = count(1)


@dataclass
class Machine:
    """Services with a state machine, and what a test does to a run of it."""

    services: Services
    airflow: AirflowStandIn

    def open_run(self, **changes: Any) -> RunRecord:
        """A run in the ledger of which no phase has begun."""
        number = next(_NUMBERS)
        record = running_record(
            run_key=f"gh-4242-{number}-{number:012x}",
            phases={phase: PhaseRecord() for phase in Phase},
            comment_id=1,
            **changes,
        )
        self.services.ledger.create_run(record)
        return record

    def start(self, record: RunRecord) -> None:
        life.start(self.services, record, {"algorithm": "xgboost"}, "Issue 7 of acme/perception")

    def end(self, record: RunRecord, *phases: Phase, state: PhaseState = PhaseState.SUCCEEDED) -> None:
        """Each phase ends in the ledger and says so."""
        for phase in phases:

            def change(known: RunRecord, phase: Phase = phase) -> RunRecord:
                known.phases[phase] = PhaseRecord(state=state, message=f"{phase} done", handle={"of": phase.value})
                return known

            life.tell(self.services, self.services.ledger.update_run(record.run_key, change), [phase])

    def judge(self, record: RunRecord, accepted: bool = True) -> None:
        verdict = {"accepted": accepted, "decision": "deploy" if accepted else "below_threshold"}
        changed = self.services.ledger.update_run(
            record.run_key, lambda known: known.model_copy(update={"verdict": verdict})
        )
        life.tell(self.services, changed, [Phase.VALIDATE])

    def close(self, record: RunRecord, outcome: Outcome) -> None:
        changed = self.services.ledger.update_run(
            record.run_key, lambda known: known.model_copy(update={"state": RunState.FINISHED, "outcome": outcome})
        )
        life.tell(self.services, changed)

    def execution(self, record: RunRecord) -> dict[str, Any]:
        return self.functions.describe_execution(executionArn=self.arn(record))

    def ended(self, record: RunRecord) -> dict[str, Any]:
        """The execution, once it has ended."""
        self.eventually(lambda: self.execution(record)["status"] != "RUNNING")
        return self.execution(record)

    def history(self, record: RunRecord) -> list[dict[str, Any]]:
        return self.functions.get_execution_history(executionArn=self.arn(record), maxResults=1000)["events"]

    def states(self, record: RunRecord) -> list[str]:
        """Names of the states entered so far."""
        events = self.history(record)
        return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]

    def token(self, record: RunRecord, phase: Phase) -> str:
        """The token with which the phase's state waits, once it does."""
        return self.eventually(lambda: life._tokens(self.services).waiting(record.run_key, phase)).token

    def arn(self, record: RunRecord) -> str:
        return life._executions(self.services).arn(record.run_key)

    @property
    def functions(self) -> Any:
        return self.services.cloud.client("stepfunctions")

    @staticmethod
    def eventually(look: Callable[[], Any], patience_s: float = 60.0) -> Any:
        deadline = time.monotonic() + patience_s
        while not (found := look()):
            assert time.monotonic() < deadline, "not within a minute"
            time.sleep(0.02)
        return found


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl

    from twin.aws.options import Options
    from twin.aws.server import start

    folder: Path = tmp_path_factory.mktemp("twin")
    airflow = AirflowStandIn()
    with pytest.MonkeyPatch.context() as patch, ServerThread(airflow.app) as stand_in:
        # The pauses before a retry, a second at least, pass twenty times as fast.
        patch.setattr(retrier_decl, "time", SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / 20)))
        patch.setenv("AWS_ACCESS_KEY_ID", "twin")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "twin")
        options = Options(airflow_url=stand_in.url, airflow_password="secret", check_responses=True)
        with start(state_dir=folder, options=options) as server:
            cloud = Cloud(endpoint_url=server.url, region="us-east-1")
            topic = cloud.client("sns").create_topic(Name="mlops-alarms")["TopicArn"]
            drawn = definition(table="mlops-ledger", environment="mlops", topic=topic, pause_s=1, heartbeat_s=60)
            arn = cloud.client("stepfunctions").create_state_machine(
                name="mlops-workflow",
                definition=rendered(drawn),
                roleArn="arn:aws:iam::123456789012:role/mlops-workflow",
            )["stateMachineArn"]
            settings = Settings(
                workflow_arn=arn, airflow_api_url=stand_in.url, airflow_user="admin", airflow_password="secret"
            )
            services = Services(settings)
            services.cloud = cloud
            services.ledger.create_table()
            yield Machine(services, airflow)
