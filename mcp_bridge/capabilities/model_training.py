"""Phase `train`, and the jobs of every phase while they run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mcp_bridge.tools import IdempotencyKey, RunKey, Tools
from mlops.handles import JobStatus, Submission, TrainedModel

JobName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$", description="`job.name` of a start_* answer.")
]
JobKind = Annotated[Literal["processing", "training"], Field(description="`job.kind` of a start_* answer.")]


def register(tools: Tools) -> None:
    @tools.effect("Start training", reported=True)
    def start_training(run_key: RunKey, idempotency_key: IdempotencyKey) -> Submission:
        """Start or adopt the run's training job; a second one is never paid for. Needs collect_preparation.

        Then follow_job until it ended, then collect_training.
        """
        from mlops.phases import train

        return train.start(tools.services, run_key)

    @tools.effect("Collect a trained model", reported=True)
    def collect_training(run_key: RunKey, idempotency_key: IdempotencyKey) -> TrainedModel:
        """Read the ended training job: model address, validation metrics, hyperparameters. Next: start_evaluation.

        user_fault: the settings or data made it fail. platform_fault: start_training again makes the next attempt.
        """
        from mlops.phases import train

        return train.collect(tools.services, run_key)

    @tools.read("Follow a job")
    def follow_job(
        name: JobName,
        kind: JobKind,
        log_cursor: Annotated[
            str | None, Field(description="`log_cursor` of the last answer; None from the top.")
        ] = None,
    ) -> JobStatus:
        """State of a running job and its log lines since the cursor. Ask again after `poll_after_s` seconds.

        Ended states: succeeded, failed, stopped. Then call the phase's collect_* tool, whatever the state.
        """
        from mlops.phases import following

        status, moved = following.follow(tools.services, name, kind, log_cursor)
        tools.reporter.soon(moved)
        return status

    @tools.effect("Stop a job", destructive=True)
    def stop_job(name: JobName, kind: JobKind, idempotency_key: IdempotencyKey) -> JobStatus:
        """Stop a job that is no longer wanted, so that it costs nothing more. A job that ended stays as it is.

        Stopping takes a moment: follow_job shows when it has.
        """
        from mlops import jobs

        return jobs.stop(tools.services, name, kind)
