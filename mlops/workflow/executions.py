"""Executions of the state machine: one a run, named by its key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mlops.aws import Cloud, error_code, translated
from mlops.identity import bounded_name

NAME_LENGTH = 80
ENDED_BADLY = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


@dataclass(frozen=True)
class Execution:
    status: str
    """`RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED` or `PENDING_REDRIVE`."""
    error: str
    cause: str


class Executions:
    def __init__(self, cloud: Cloud, state_machine_arn: str):
        self._cloud, self._arn = cloud, state_machine_arn

    def start(self, run_key: str, conf: dict[str, Any], note: str) -> bool:
        """True where this call made the execution, False where the name is taken: the run exists, or has ended.

        A name can be taken again after 90 days; by then the ledger knows the run as finished.
        """
        name = execution_name(run_key)
        given = {"run_key": run_key, "conf": conf, "note": note}
        with translated(f"start execution {name}"):
            try:
                self._client.start_execution(stateMachineArn=self._arn, name=name, input=json.dumps(given))
            except Exception as refused:
                if error_code(refused) != "ExecutionAlreadyExists":
                    raise
                return False
        return True

    def stop(self, run_key: str, error: str, cause: str) -> None:
        """End the execution as aborted; one that has ended, or never was, stays so."""
        with translated(f"stop the execution of {run_key}"):
            try:
                self._client.stop_execution(executionArn=self.arn(run_key), error=error, cause=cause)
            except Exception as refused:
                if error_code(refused) != "ExecutionDoesNotExist":
                    raise

    def describe(self, run_key: str) -> Execution | None:
        with translated(f"read the execution of {run_key}"):
            try:
                found = self._client.describe_execution(executionArn=self.arn(run_key))
            except Exception as refused:
                if error_code(refused) != "ExecutionDoesNotExist":
                    raise
                return None
        return Execution(found["status"], found.get("error", ""), found.get("cause", ""))

    def arn(self, run_key: str) -> str:
        return f"{self._arn.replace(':stateMachine:', ':execution:')}:{execution_name(run_key)}"

    @property
    def _client(self) -> Any:
        return self._cloud.client("stepfunctions")


def execution_name(run_key: str) -> str:
    """The run key; one that is longer than 80 characters is cut and told apart by a hash."""
    return run_key if len(run_key) <= NAME_LENGTH else bounded_name(run_key, limit=NAME_LENGTH)
