"""Start or adopt a SageMaker job, wait for it in the triggerer, collect what it made."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hooks.bridge import BridgeHook
from triggers.jobs import JobTrigger, stop_arguments

from mlops.settings import Settings
from operators.bridge import BridgeOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

MARGIN = timedelta(minutes=30)
"""For the queue in front of a job and the time SageMaker takes to start and stop one."""


def _longest_s() -> int:
    """No job may run longer; SageMaker itself ends those that are allowed less."""
    settings = Settings.from_environment()
    return max(settings.max_job_runtime_s, settings.max_gpu_training_s)


class JobOperator(BridgeOperator):
    """`start` gives a job, which is followed to its end; `collect` then gives the result, or says why there is none.

    A retry starts nothing twice: the server adopts the job that runs or has succeeded, and starts the next attempt
    only after a platform fault.

    Args:
        start: tool that answers with a Submission.
        collect: tool that turns the ended job into a handle.
    """

    def __init__(self, *, start: str, collect: str, **options: Any):
        super().__init__(**options)
        self.start = start
        self.collect = collect
        self.job: dict[str, Any] | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        submission = self.call(context, self.start, each_try=True)
        self.job = submission["job"]
        if self.job is None:
            self.log.info("No job needed: %s", submission["skipped"])
            return self.call(context, self.collect)
        self.log.info("%s %s", "Adopted" if self.job["adopted"] else "Submitted", self.job["name"])
        self.defer(
            trigger=JobTrigger(
                name=self.job["name"], kind=self.job["kind"], agent=self.agent, bridge_conn_id=self.bridge_conn_id
            ),
            method_name="collect_result",
            # execution_timeout is not enforced while a task is deferred.
            timeout=timedelta(seconds=_longest_s()) + MARGIN,
        )
        raise AssertionError("defer() does not return")

    def collect_result(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """After the trigger: `event` names the state the job ended in; `collect` knows what that means."""
        self.log.info("%s %s%s", event["name"], event["state"], f": {event['reason']}" if event["reason"] else "")
        return self.call(context, self.collect)

    def on_kill(self) -> None:
        """A person ended the task between submitting and deferring; afterwards the trigger stops the job."""
        if self.job:
            BridgeHook(self.bridge_conn_id).call("stop_job", stop_arguments(self.job), self.agent)
