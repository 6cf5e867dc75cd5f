"""The record of one run, as the ledger keeps it: everything the report and the history are drawn from."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mlops.faults import Culprit
from mlops.identity import Phase


class Trigger(StrEnum):
    """What started a run."""

    ISSUE = "issue"
    COMMENT = "comment"
    RERUN = "rerun"
    UI = "ui"
    SCHEDULE = "schedule"
    BACKFILL = "backfill"
    NEW_DATA = "new_data"
    DRIFT = "drift"


class RunState(StrEnum):
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    STARTED = "started"
    FINISHED = "finished"


class Outcome(StrEnum):
    """How a run ended. Shown as `mlops:<outcome>` label and in the history."""

    DEPLOYED = "deployed"
    REGISTERED = "registered"  # passed, and no deployment was asked for or allowed (backfill)
    KEPT_CHAMPION = "kept-champion"  # passed its thresholds, but what serves is better
    BELOW_THRESHOLD = "below-threshold"  # waits for the operator's comment
    STOPPED = "stopped"  # below threshold and no retraining left, or a person stopped it
    FAILED = "failed"


class PhaseState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class JobHandle(_Model):
    """One SageMaker job, as submitted or adopted."""

    name: str
    kind: str = Field(description="`processing`, `training` or `endpoint`.")
    config_hash: str
    attempt: int = 1
    adopted: bool = False
    console_url: str = ""


class PhaseRecord(_Model):
    state: PhaseState = PhaseState.PENDING
    started_at: str | None = Field(None, description="UTC, ISO 8601.")
    ended_at: str | None = None
    message: str = Field("", description="One sentence for the report: what came out, or why it failed.")
    fault: Literal["", Culprit] = Field("", description="Who can mend a failure; empty: nobody said.")
    jobs: list[JobHandle] = Field(default_factory=list)
    handle: dict[str, Any] = Field(default_factory=dict, description="The phase's result (mlops.handles).")


class TakenBack(_Model):
    """A version that was deployed and then taken off its endpoint again."""

    by: str = Field(description="Login of the person, or `agent` and its name.")
    at: str = Field(description="UTC, ISO 8601.")
    endpoint: str
    serves: str = Field(description="The version that was put back.")


class RunRecord(_Model):
    run_key: str
    trigger: Trigger
    repository: str = ""
    repository_id: int = 0
    issue: int | None = None
    revision: str = ""
    body_hash: str = Field("", description="SHA-256 of the raw issue body that was approved.")
    actor: str = Field("", description="Login of the person whose act started the run.")
    retraining: int = 0
    parent: str | None = Field(None, description="Run key of the run this one re-tunes.")
    spec: dict[str, Any] = Field(description="Canonical run spec.")
    data_as_of: str | None = Field(None, description="Train on the data as of this moment (UTC, ISO 8601).")
    may_deploy: bool = True
    state: RunState = RunState.APPROVED
    outcome: Outcome | None = None
    message: str = ""
    created_at: str
    labelled_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    phases: dict[Phase, PhaseRecord] = Field(default_factory=lambda: {phase: PhaseRecord() for phase in Phase})
    deployment_approved_by: str = Field("", description="Login of whoever agreed to the deployment, where asked.")
    taken_back: TakenBack | None = Field(None, description="Set where a rollback took the run's version back.")
    verdict: dict[str, Any] | None = Field(None, description="mlops.judge.Verdict")
    airflow_run_id: str | None = Field(None, description="Where it differs from the run key: runs started in the UI.")
    comment_id: int | None = None
    mlflow_run_id: str | None = None
    history_path: str | None = None
    history_commit: str | None = None
    reported_at: str | None = None
