"""A run ends in a clear status, however it ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hooks.bridge import BridgeHook

from mlops.identity import Phase
from operators.bridge import BridgeOperator, intention, of_this_run

if TYPE_CHECKING:
    from airflow.sdk import Context

_AGENT = "history_writer"


def phase_of(task_id: str) -> Phase:
    """The task group's phase; what happens before the first group belongs to `prepare`."""
    group = task_id.partition(".")[0]
    return Phase(group) if group in list(Phase) else Phase.PREPARE


def report_failure(context: Context) -> None:
    """`on_failure_callback` of every task of a lifecycle: put the reason on the issue."""
    reason = re.sub(r"^\[[a-z_]+\] ", "", str(context.get("exception") or "The task was killed."))
    _report(context, context["ti"].task_id, reason)


def _report(context: Context, task_id: str, reason: str) -> None:
    arguments = {
        **of_this_run(context),
        "phase": phase_of(task_id).value,
        "reason": reason[:4000],
        "idempotency_key": intention(context, f"report_failure/{task_id}", each_try=True),
    }
    BridgeHook().call("report_failure", arguments, _AGENT)


class CloseRunOperator(BridgeOperator):
    """Closes the run, whatever became of its tasks. A task that died without a word is reported first."""

    def execute(self, context: Context) -> dict[str, Any]:
        for task_id in self._failed_tasks(context)[:1]:
            _report(context, task_id, f"Task {task_id} failed; its log in Airflow says more.")
        # A cleared run is closed again, with another outcome.
        return self.call(context, "close_run", each_try=True)

    @staticmethod
    def _failed_tasks(context: Context) -> list[str]:
        task, run_id = context["ti"], context["run_id"]
        states = task.get_task_states(dag_id=task.dag_id, run_ids=[run_id]).get(run_id, {})
        failed = [task_id for task_id, state in states.items() if state == "failed" and task_id != task.task_id]
        return sorted(failed, key=lambda task_id: list(Phase).index(phase_of(task_id)))
