"""A deployment that waits for a person: the Model Registry holds the answer, wherever it is given."""

from __future__ import annotations

from typing import Literal

from mlops import registry
from mlops.errors import RequestRefused
from mlops.handles import ModelVersion
from mlops.identity import Phase
from mlops.phases import progress
from mlops.phases.run import Run
from mlops.services import Services

Answer = Literal["go", "wait", "rejected"]


def is_asked(services: Services, run: Run) -> bool:
    """True where policy or issue wants a person to agree before this run deploys."""
    return services.settings.approve_deployments or run.spec.deployment.approval


def answer(services: Services, run: Run) -> Answer:
    """Whether the run's version may be deployed now."""
    if not is_asked(services, run):
        return "go"
    packaged = progress.require_result(run.record, Phase.PACKAGE, ModelVersion)
    status = registry.approval_of(services.cloud, packaged.package_arn)
    return {"Approved": "go", "Rejected": "rejected"}.get(status, "wait")  # type: ignore[return-value]


def approve(services: Services, run_key: str, actor: str) -> str:
    """Let the run's version be deployed; saying it twice is once. Returns a sentence.

    Raises:
        RequestRefused: the run has no packaged version, or nobody asks for an approval.
    """
    record = services.ledger.require_run(run_key)
    run = Run(record)
    packaged = progress.require_result(record, Phase.PACKAGE, ModelVersion)
    if not is_asked(services, run):
        raise RequestRefused(f"The deployment of run {run_key} waits for nobody.")
    registry.approve(services.cloud, packaged.package_arn, "Approved", f"{actor} approved the deployment of {run_key}.")
    return f"{packaged.model_id} {packaged.version} may be deployed."
