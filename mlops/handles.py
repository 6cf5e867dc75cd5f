"""What each phase hands to the next: addresses and numbers, never data. Specs go down, handles come up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mlops.faults import Fault
from mlops.record import JobHandle, PhaseState
from mlops.spec.metrics import Task


class Handle(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def by_split(rows: Mapping[str, int]) -> dict[str, int]:
    """Rows as they are used: to learn from, to tune by, to judge on. JSON of ours sorts them by name."""
    first = [split for split in ("train", "validation", "test") if split in rows]
    return {split: rows[split] for split in [*first, *(other for other in rows if other not in first)]}


class Submission(Handle):
    """The answer to `start_*`: a job to wait for, or the reason why there is nothing to do."""

    run_key: str
    phase: str
    job: JobHandle | None = None
    skipped: str | None = Field(None, description="Why no job is needed; go straight to `collect_*`.")


class JobStatus(Handle):
    """The answer to `follow_job`."""

    name: str
    state: Literal["running", "succeeded", "failed", "stopped"]
    detail: str = Field("", description="SageMaker's secondary status, e.g. `Downloading`.")
    failure_reason: str = ""
    fault: Fault = "none"
    log_lines: list[str] = Field(default_factory=list)
    log_cursor: str | None = Field(None, description="Hand back to get only newer lines.")
    poll_after_s: float = Field(description="How long to wait before asking again.")


class PreparedData(Handle):
    dataset: str
    version: str
    prefix: str = Field(description="s3:// address of the version folder.")
    manifest_uri: str
    task: Task
    target: str | None
    classes: list[str] = Field(default_factory=list)
    features: int
    rows: dict[str, int] = Field(description="Rows per split.")
    dropped: dict[str, int] = Field(default_factory=dict, description="Rows removed, by reason.")
    reused: bool = Field(False, description="An identical version existed; no job ran.")

    @field_validator("rows")
    @classmethod
    def _as_they_are_used(cls, rows: dict[str, int]) -> dict[str, int]:
        return by_split(rows)


class TrainedModel(Handle):
    model_uri: str
    algorithm: str
    seconds: float
    metrics: dict[str, float] = Field(description="On the validation split, for tracking; the judge uses validate's.")
    hyperparameters: dict[str, Any]


class Evaluation(Handle):
    task: Task
    prefix: str
    metrics: dict[str, float] = Field(description="Recomputed from predictions on the sealed test split.")
    rows: int
    champion_metrics: dict[str, float] | None = Field(None, description="The serving model on the same rows.")
    champion_version: str | None = None
    plots: list[str] = Field(default_factory=list, description="File names below `prefix`.")
    seal_intact: bool = Field(description="Test split unchanged since prepare, and no row of it in training.")


class ModelVersion(Handle):
    model_id: str
    version: str
    model_uri: str
    sha256: str
    package_arn: str
    openapi_uri: str


class Deployment(Handle):
    endpoint: str
    config: str
    version: str
    state: Literal["in_service", "rolled_back", "failed", "skipped"]
    strategy: str
    url: str = ""
    proof: str = Field("", description="How it was shown that this version answers.")
    auto_scaling: str = ""


class DeploymentStatus(Handle):
    """The answer to `follow_deployment`."""

    endpoint: str
    state: Literal["changing", "done", "failed"]
    detail: str = ""
    traffic: dict[str, float] = Field(default_factory=dict, description="Per cent of requests per variant.")
    poll_after_s: float


class Watch(Handle):
    endpoint: str
    dashboard: str
    alarms: list[str]
    baseline_uri: str
    schedule: str


class DriftReport(Handle):
    endpoint: str
    checked_rows: int
    share: float = Field(description="Share of features that drifted.")
    drifted: bool
    features: dict[str, float] = Field(default_factory=dict, description="Score per drifted feature.")
    report_uri: str = ""
    message: str = ""


class NextStep(Handle):
    """What `decide_next` concluded at the end of a run."""

    action: Literal["none", "ask_operator", "stop"]
    retrainings_left: int
    message: str


class PhaseProgress(Handle):
    phase: str
    state: PhaseState
    message: str = ""
