"""Step Functions: moto's interpreter, switched on, and mended where it leaves the ways of AWS.

Executions run in threads of this process. Those that run when the twin ends cannot go on: they are found as FAILED.
"""

from __future__ import annotations

import copy
import datetime
import json
from typing import Any

from botocore.config import Config
from moto.core.config import default_user_config
from moto.core.responses import ActionResult, EmptyResult
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_aws_sdk
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackEndpoint,
    CallbackOutcomeFailure,
    CallbackOutcomeSuccess,
    HeartbeatEndpoint,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.responses import StepFunctionResponse

from twin.aws.twin import Twin
from twin.aws.wire import AwsError

LIVE = frozenset({ExecutionStatus.RUNNING, ExecutionStatus.RUNNING.value})

_reflect_execution_status = BaseExecutionWorkerCommunication._reflect_execution_status
_handle_retry = ExecutionState._handle_retry
_set_error = Environment.set_error
_setup_heartbeat_endpoint = CallbackEndpoint.setup_heartbeat_endpoint
_start = Execution.start


def run_executions(twin: Twin) -> None:
    """Let state machines run in this process; their effects and ends go to `twin`. Safe to call twice."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    # `api.localhost` would be another host.
    boto_client.Config = lambda **chosen: Config(**chosen, inject_host_prefix=False)  # type: ignore[attr-defined]
    state_task_service_aws_sdk._SERVICE_ERROR_NAMES["mwaa"] = "Mwaa"

    def started(self: Execution) -> None:
        _start(self)
        twin.effects.record("StartExecution", self.name)

    def ended(self: BaseExecutionWorkerCommunication) -> None:
        """moto forgets who stopped an execution, and why."""
        _reflect_execution_status(self)
        state = self.execution.exec_worker.env.program_state()  # type: ignore[union-attr]
        if isinstance(state, ProgramStopped):
            self.execution.error, self.execution.cause = state.error or None, state.cause or None
        twin.locks.mark("stepfunctions")

    Execution.start = started  # type: ignore[method-assign]
    Execution.__getstate__ = _saved  # type: ignore[method-assign, assignment]
    BaseExecutionWorkerCommunication._reflect_execution_status = ended  # type: ignore[method-assign]
    Environment.set_error = _set_error_unless_stopped  # type: ignore[method-assign]
    ExecutionState._handle_retry = _retry_with_a_new_token  # type: ignore[method-assign]
    CallbackEndpoint.setup_heartbeat_endpoint = _heartbeat_that_hears  # type: ignore[method-assign]
    StepFunctionResponse.send_task_success = _send_task_success  # type: ignore[method-assign]
    StepFunctionResponse.send_task_failure = _send_task_failure  # type: ignore[method-assign]
    StepFunctionResponse.send_task_heartbeat = _send_task_heartbeat  # type: ignore[method-assign]
    StepFunctionResponse.stop_execution = _stop_execution  # type: ignore[method-assign]


def _saved(self: Execution) -> dict[str, Any]:
    """What a snapshot keeps: no thread, and no execution that would seem to run for ever."""
    kept = copy.copy(self.__dict__)
    kept["exec_worker"] = None
    if self.exec_status in LIVE:
        kept["exec_status"] = ExecutionStatus.FAILED
        kept["error"], kept["cause"] = "Twin.Ended", "The twin ended while this execution ran."
        kept["stop_date"] = self.start_date
    return kept


def _retry_with_a_new_token(self: ExecutionState, env: Environment, failure_event: Any) -> Any:
    """On AWS each attempt has a token of its own; that of the failed one is worth nothing any more."""
    outcome = _handle_retry(self, env, failure_event)
    context = env.states.context_object
    if "Task" in context.context_object_data:
        env.callback_pool_manager.add(context.update_task_token())
    return outcome


def _heartbeat_that_hears(self: CallbackEndpoint, heartbeat_seconds: int) -> HeartbeatEndpoint:
    """An answer may come before the state begins to listen for heartbeats; moto would sleep through it."""
    heartbeat = _setup_heartbeat_endpoint(self, heartbeat_seconds)
    if self._notify_event.is_set():
        heartbeat.notify()
    return heartbeat


def _set_error_unless_stopped(self: Environment, error: Any) -> None:
    """What fails because it was stopped is stopped."""
    if not isinstance(self.program_state(), ProgramStopped):
        _set_error(self, error)


def _send_task_success(self: StepFunctionResponse) -> EmptyResult:
    endpoint = _waiting(self)
    output = self._get_param("output")
    try:
        json.loads(output)
    except ValueError as wrong:
        raise AwsError("InvalidOutput", f"Invalid Output: '{wrong}'") from wrong
    endpoint.notify(CallbackOutcomeSuccess(endpoint.callback_id, output))
    return EmptyResult()


def _send_task_failure(self: StepFunctionResponse) -> EmptyResult:
    endpoint = _waiting(self)
    error, cause = self._get_param("error"), self._get_param("cause")
    endpoint.notify(CallbackOutcomeFailure(endpoint.callback_id, error, cause))
    return EmptyResult()


def _send_task_heartbeat(self: StepFunctionResponse) -> EmptyResult:
    _waiting(self).notify_heartbeat()
    return EmptyResult()


def _waiting(self: StepFunctionResponse) -> CallbackEndpoint:
    """The state that waits for the request's token; refused as on AWS where none does, or no more."""
    token = self._get_param("taskToken")
    for machine in self.stepfunction_backend.state_machines:
        for execution in machine.executions:
            worker: Any = getattr(execution, "exec_worker", None)
            endpoint = worker.env.callback_pool_manager.get(token) if worker and worker.env else None
            if endpoint is None:
                continue
            status = getattr(execution, "exec_status", None)
            if status not in LIVE or endpoint.consumer_error or endpoint._notify_event.is_set():
                raise AwsError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
            return endpoint
    raise AwsError("InvalidToken", "Invalid Token: 'Invalid token'")


def _stop_execution(self: StepFunctionResponse) -> ActionResult:
    """moto drops error and cause, and leaves a state that waits waiting."""
    execution: Any = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    moment = execution.stop_date
    if execution.exec_status in LIVE:
        moment = datetime.datetime.now(datetime.UTC)
        execution.stop(moment, self._get_param("error"), self._get_param("cause"))
        for endpoint in list(execution.exec_worker.env.callback_pool_manager._pool.values()):
            endpoint.interrupt_all()
    return ActionResult({"stopDate": moment})
