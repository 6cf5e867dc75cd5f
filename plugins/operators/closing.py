"""A run ends in a clear status, however it ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException
from hooks.bridge import BridgeHook, ToolRefused

from mlops.faults import fault_told
from mlops.identity import Phase
from operators.bridge import BridgeOperator, intention, of_this_run

if TYPE_CHECKING:
    from airflow.sdk import Context

_AGENT = "history_writer"
_OPENING, _CLOSING = "open_run", "close_run"


def phase_of(task_id: str) -> Phase:
    """The task group's phase; what happens before the first group belongs to `prepare`."""
    group = task_id.partition(".")[0]
    return Phase(group) if group in list(Phase) else Phase.PREPARE


def report_failure(context: Context) -> None:
    """`on_failure_callback` of every task of a lifecycle: put the reason on the issue."""
    if context["ti"].task_id == _CLOSING:
        return  # no phase failed, whatever kept us from writing that down; `reconcile_runs` closes the run
    if context["ti"].task_id == _OPENING and _never_opened(context):
        return  # a form with a mistake in it: nothing was begun, and the task's log says what to change
    told = str(context.get("exception") or "The task was killed.")
    _report(context, context["ti"].task_id, re.sub(r"^\[[a-z_]+\] ", "", told), fault_told(told))


def _never_opened(context: Context) -> str:
    """Why there is no record of this run; empty where there is one."""
    try:
        BridgeHook().call("get_run", of_this_run(context), _AGENT)
    except ToolRefused as refused:
        return str(refused)
    return ""


def _report(context: Context, task_id: str, reason: str, fault: str = "platform") -> None:
    arguments = {
        **of_this_run(context),
        "phase": phase_of(task_id).value,
        "reason": reason[:4000],
        "fault": fault,
        "idempotency_key": intention(context, f"report_failure/{task_id}", each_try=True),
    }
    BridgeHook().call("report_failure", arguments, _AGENT)


class CloseRunOperator(BridgeOperator):
    """Closes the run, whatever became of its tasks. A task that died without a word is reported first."""

    def execute(self, context: Context) -> dict[str, Any]:
        failed = self._failed_tasks(context)
        if failed == [_OPENING] and (refusal := _never_opened(context)):
            raise AirflowSkipException(f"Nothing to close, {_OPENING} says why: {refusal}")
        for task_id in failed[:1]:
            _report(context, task_id, f"Task {task_id} failed; its log in Airflow says more.")
        # A cleared run is closed again, with another outcome.
        return self.call(context, "close_run", each_try=True)

    @staticmethod
    def _failed_tasks(context: Context) -> list[str]:
        task, run_id = context["ti"], context["run_id"]
        states = task.get_task_states(dag_id=task.dag_id, run_ids=[run_id]).get(run_id, {})
        failed = [task_id for task_id, state in states.items() if state == "failed" and task_id != task.task_id]
        return sorted(failed, key=lambda task_id: list(Phase).index(phase_of(task_id)))
