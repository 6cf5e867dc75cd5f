"""`start`: may this run deploy, and what exactly; then the first move."""

from __future__ import annotations

from typing import Any

from mlops import endpoints
from mlops.decisions import once
from mlops.errors import JobFailed, PlatformFault, RequestRefused
from mlops.handles import Deployment, ModelVersion, PreparedData, Submission
from mlops.identity import Phase
from mlops.objects import read_json
from mlops.phases import progress
from mlops.phases.deploy import plan, state
from mlops.phases.deploy.steps import PHASE, follow
from mlops.phases.run import Run
from mlops.record import JobHandle, PhaseState
from mlops.services import Services


def start(services: Services, run_key: str) -> Submission:
    """Make the first move towards serving this run's model, or say why there is none to make. Safe to repeat.

    Raises:
        UserFault, PlatformFault: an earlier attempt failed for good.
    """
    record = progress.require_live(services, run_key)
    run = Run(record)
    phase = record.phases[PHASE]
    if phase.state in (PhaseState.SUCCEEDED, PhaseState.SKIPPED):
        return progress.nothing_to_do(run_key, PHASE, phase.message)
    reason = plan.skip_reason(run)
    if reason:
        return _skip(services, run, reason)
    packaged = progress.require_result(record, Phase.PACKAGE, ModelVersion)
    try:
        endpoints.fence(services.ledger, run.endpoint, run.model, run_key, record.created_at)
    except RequestRefused as newer:
        return _skip(services, run, str(newer))
    progress.begun(services, run_key, PHASE)
    try:
        attempt = state.begin(services.ledger, run_key)
        chosen = once(services.ledger, run_key, PHASE.value, lambda: _decide(services, run, packaged))
    except JobFailed as fault:
        progress.failed(services, run_key, PHASE, fault)
        raise
    job = JobHandle(name=run.endpoint, kind="endpoint", config_hash=chosen["config_name"], attempt=attempt.attempt)
    progress.begun(services, run_key, PHASE, job)
    follow(services, run_key)
    return Submission(run_key=run_key, phase=PHASE.value, job=job)


def _skip(services: Services, run: Run, reason: str) -> Submission:
    packaged = progress.result(run.record, Phase.PACKAGE, ModelVersion)
    nothing = Deployment(
        endpoint=run.endpoint,
        config="",
        version=packaged.version if packaged else "",
        state="skipped",
        strategy=run.spec.deployment.strategy,
        proof=reason,
    )
    progress.skipped(services, run.key, PHASE, nothing, reason)
    return progress.nothing_to_do(run.key, PHASE, reason)


def _decide(services: Services, run: Run, packaged: ModelVersion) -> dict[str, Any]:
    """The model, the final configuration and the probe: fixed before anything is created."""
    prepared = progress.require_result(run.record, Phase.PREPARE, PreparedData)
    features = read_json(services.cloud, f"{prepared.prefix}features.json")
    if features is None:
        raise PlatformFault(f"{prepared.prefix}features.json is gone; prepare wrote it.")
    wanted = run.spec.deployment
    model = plan.model_request(services.settings, run, packaged)
    instances = wanted.auto_scaling.min_instances if wanted.auto_scaling else 1
    one = plan.variant(plan.variant_name(packaged.version), model["ModelName"], wanted.instance_type, instances, 100.0)
    config = plan.config_request(services.settings, run.endpoint, run.key, packaged.version, [one])
    return {
        "model": model,
        "variant": one,
        "config": config,
        "config_name": config["EndpointConfigName"],
        "probe": plan.probe(features),
        "version": packaged.version,
    }
