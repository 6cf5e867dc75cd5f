"""What a run would cost on AWS: a table of prices, and an estimate that the approval ceiling is held against."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mlops.identity import Phase, endpoint_name, model_id
from mlops.phases.requests import Machine, machine, training_limit_s
from mlops.services import Services
from mlops.settings import Settings
from mlops.spec.model import RunSpec, canonical
from mlops.spec.notes import notes
from mlops.spec.parse import parse_issue

PRICES_USD_PER_HOUR = {
    "ml.t2.medium": 0.056,
    "ml.m5.large": 0.115, "ml.m5.xlarge": 0.23, "ml.m5.2xlarge": 0.461, "ml.m5.4xlarge": 0.922,
    "ml.c5.xlarge": 0.204, "ml.c5.2xlarge": 0.408,
    "ml.g4dn.xlarge": 0.737, "ml.g4dn.2xlarge": 0.94, "ml.g5.xlarge": 1.41, "ml.p3.2xlarge": 3.825,
}  # fmt: skip
PRICES_NOTED = "2026-11"
PRICES_SOURCE = "aws.amazon.com/sagemaker/pricing, us-east-1, on demand, rounded up; noted by hand, not fetched"

HOSTED_HOURS = 24.0
"""An endpoint runs until somebody deletes it; its first day counts as part of the run that made it."""

_EXPECTED_MINUTES = {Phase.PREPARE: 4.0, Phase.TRAIN: 5.0, Phase.VALIDATE: 4.0, Phase.PACKAGE: 3.0}
"""Of a small tabular run on AWS, most of it the start of an instance."""


class Line(BaseModel):
    """One thing that is paid for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phase: Phase
    instance_type: str
    instances: int
    expected_hours: float
    most_hours: float = Field(description="What the job's time limit allows.")
    usd_per_hour: float
    price_known: bool = Field(description="False: the dearest known price stands in.")

    @property
    def expected_usd(self) -> float:
        return self.expected_hours * self.instances * self.usd_per_hour

    @property
    def most_usd(self) -> float:
        return self.most_hours * self.instances * self.usd_per_hour


class Estimate(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    lines: tuple[Line, ...]
    expected_usd: float
    total_usd: float = Field(description="Upper bound: every job to its time limit, the first day of hosting.")
    expected_minutes: float = Field(description="From label to serving, without waiting for people.")
    prices: str = f"{PRICES_SOURCE} ({PRICES_NOTED})"


def price(instance_type: str) -> tuple[float, bool]:
    """(USD per hour, whether it is known). An unknown type costs as much as the dearest known one."""
    known = PRICES_USD_PER_HOUR.get(instance_type)
    return (known, True) if known is not None else (max(PRICES_USD_PER_HOUR.values()), False)


def estimate(settings: Settings, spec: RunSpec) -> Estimate:
    """Each job once. Retries after platform faults are not paid for; spare capacity is counted at full price."""
    expected = {**_EXPECTED_MINUTES, Phase.TRAIN: _training_minutes(settings, spec)}
    lines = [_job(phase, machine(settings, phase, spec), minutes) for phase, minutes in expected.items()]
    if spec.deployment.target != "none":
        scaling = spec.deployment.auto_scaling
        fewest, largest = (scaling.min_instances, scaling.max_instances) if scaling else (1, 1)
        # Expected: the fewest instances all day. At most: the most instances all day.
        lines.append(
            _line(Phase.DEPLOY, spec.deployment.instance_type, largest, HOSTED_HOURS * fewest / largest, HOSTED_HOURS)
        )
    return Estimate(
        lines=tuple(lines),
        expected_usd=round(sum(line.expected_usd for line in lines), 4),
        total_usd=round(sum(line.most_usd for line in lines), 4),
        expected_minutes=sum(expected.values()) + (6.0 if spec.deployment.target != "none" else 0.0),
    )


def _training_minutes(settings: Settings, spec: RunSpec) -> float:
    """Half of what it may take at most where that follows from the epochs; else as a small table takes."""
    limit_s = training_limit_s(settings, spec)
    return limit_s / 120 if limit_s > settings.max_job_runtime_s else _EXPECTED_MINUTES[Phase.TRAIN]


def _job(phase: Phase, on: Machine, minutes: float) -> Line:
    most = on.limit_s / 3600
    return _line(phase, on.instance_type, 1, min(minutes / 60, most), most)


def _line(phase: Phase, instance_type: str, instances: int, expected: float, most: float) -> Line:
    usd, known = price(instance_type)
    return Line(
        phase=phase,
        instance_type=instance_type,
        instances=instances,
        expected_hours=round(expected, 4),
        most_hours=round(most, 4),
        usd_per_hour=usd,
        price_known=known,
    )


def explain(services: Services, body: str) -> dict[str, Any]:
    """What a run of this issue would do, take and cost. Raises IssueRejected with every mistake of the body."""
    settings = services.settings
    spec = parse_issue(body, data_buckets=settings.data_buckets, instance_types=settings.instance_types)
    return plan(settings, spec)


def plan(settings: Settings, spec: RunSpec) -> dict[str, Any]:
    """Spec, phases, estimate and the settings that the issue does not choose."""
    cost = estimate(settings, spec)
    model = model_id(spec.name)
    serves = spec.deployment.target != "none"
    asks = cost.total_usd > settings.cost_ceiling_usd
    return {
        "spec": canonical(spec),
        "notes": notes(spec),
        "model": model,
        "endpoint": endpoint_name(model) if serves else None,
        "phases": [phase.value for phase in Phase if serves or phase not in (Phase.DEPLOY, Phase.MONITOR)],
        "estimate": cost.model_dump(mode="json"),
        "needs_approval": asks,
        "approval_reason": f"{cost.total_usd:.2f} USD is above the ceiling of {settings.cost_ceiling_usd:.2f} USD."
        if asks
        else "",
        "effective": {
            "processing_instance_type": machine(settings, Phase.PREPARE, spec).instance_type,
            "training_instance_type": machine(settings, Phase.TRAIN, spec).instance_type,
            "max_job_runtime_s": training_limit_s(settings, spec),
            "managed_spot": settings.managed_spot,
            "model_versions_kept": settings.model_versions_kept,
            "asks_before_deploying": settings.approve_deployments or spec.deployment.approval,
        },
    }
