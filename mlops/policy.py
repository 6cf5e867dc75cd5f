"""The operators' policy file: what starts a run besides people, and what drift leads to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from mlops.errors import IssueRejected, RequestRefused
from mlops.settings import Settings
from mlops.spec.model import RunSpec
from mlops.spec.parse import parse_issue

_CRON_FIELD = r"[0-9A-Za-z*/,#L?-]+"
_CRON = re.compile(rf"@(hourly|daily|weekly|monthly|yearly)|{_CRON_FIELD}(\s+{_CRON_FIELD}){{4}}")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Cron = Annotated[str, Field(description="Five fields, UTC, or @daily and its like.")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Work(_Section):
    """What to run: a spec as an issue would hold it, or the spec of the run that serves a model now."""

    spec: dict[str, Any] | None = None
    model: Name | None = Field(None, description="Name of a model (`spec.name`) that was deployed before.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Work:
        if (self.spec is None) == (self.model is None):
            raise ValueError("give either spec or model")
        return self


class Schedule(Work):
    name: Name
    cron: Cron

    @model_validator(mode="after")
    def _is_cron(self) -> Schedule:
        check_cron(self.cron)
        return self


class Monitoring(_Section):
    cron: Cron = "*/15 * * * *"
    drift: Literal["retrain", "issue", "none"] = Field("issue", description="What a drifted endpoint leads to.")
    min_rows: int = Field(50, ge=1, le=1_000_000, description="Fewer captured requests prove nothing.")
    window_hours: int = Field(24, ge=1, le=720, description="How far back captured requests are read.")
    retrain_after_hours: float = Field(
        24.0,
        ge=0,
        description="At most one retraining or issue on drift, and one issue with edge cases, for the same endpoint in "
        "so many hours.",
    )
    limits: dict[str, float] = Field(
        default_factory=dict, description="Limits of the drift job, e.g. `psi: 0.2`, `share: 0.3`."
    )
    edge_cases: Literal["issue", "none"] = Field(
        "issue", description="What frames lead to that a detector doubts: an issue that asks for labels, or nothing."
    )
    max_edge_cases: int = Field(
        50, ge=1, le=200, description="At most so many frames are set aside for one issue; masking takes seconds each."
    )
    error_rate: float = Field(0.05, gt=0, le=1, description="The alarm rings above this share of 5xx answers.")
    latency_p95_ms: float = Field(
        500.0, gt=0, description="The alarm rings above this latency; a detector's issue says its own, or it is 50 ms."
    )

    @model_validator(mode="after")
    def _is_cron(self) -> Monitoring:
        check_cron(self.cron)
        return self


class Policy(_Section):
    """`dags/policy.yaml`."""

    schedules: tuple[Schedule, ...] = ()
    monitoring: Monitoring = Field(default_factory=Monitoring)
    new_data: dict[Name, Work] = Field(default_factory=dict, description="Dataset id -> what new raw objects start.")

    @model_validator(mode="after")
    def _names_are_unique(self) -> Policy:
        names = [schedule.name for schedule in self.schedules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"schedules: {', '.join(twice)} is there twice")
        return self

    def schedule(self, name: str) -> Schedule:
        """The schedule of this name, or RequestRefused with those there are."""
        for schedule in self.schedules:
            if schedule.name == name:
                return schedule
        known = ", ".join(schedule.name for schedule in self.schedules) or "none"
        raise RequestRefused(f"The policy has no schedule {name!r}; there are: {known}.")


def check_cron(text: str) -> None:
    if not _CRON.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is no cron expression; write five fields such as '0 3 * * 1', or @weekly")


def load(path: str | Path) -> Policy:
    """Read and check the file; one that is not there is an empty policy.

    Raises:
        RequestRefused: the file is no policy; names each mistake with its place.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Policy()
    return parse(text, str(path))


def parse(text: str, name: str = "policy") -> Policy:
    """A policy from YAML. Raises RequestRefused."""
    try:
        policy = Policy.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as broken:
        raise RequestRefused(f"{name} is not YAML: {broken}") from broken
    except ValidationError as invalid:
        mistakes = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in invalid.errors()]
        raise RequestRefused(f"{name}: {'; '.join(mistakes)}") from invalid
    for place, work in _all_work(policy):
        if work.spec is not None:
            try:
                run_spec(work.spec)
            except IssueRejected as rejected:
                raise RequestRefused(f"{name}: {place}.spec: {rejected}") from rejected
    return policy


def _all_work(policy: Policy) -> list[tuple[str, Work]]:
    scheduled: list[tuple[str, Work]] = [(f"schedules.{one.name}", one) for one in policy.schedules]
    return scheduled + [(f"new_data.{dataset}", work) for dataset, work in policy.new_data.items()]


def run_spec(document: dict[str, Any], settings: Settings | None = None) -> RunSpec:
    """The run a policy describes, held to the same rules as an issue's. Raises IssueRejected."""
    known = settings or Settings()
    body = f"```yaml\n{yaml.safe_dump(document, sort_keys=False)}```\n"
    return parse_issue(body, data_buckets=known.data_buckets, instance_types=known.instance_types)
