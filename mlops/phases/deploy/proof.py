"""`confirm`: deployed means that this version answers; anything less is rolled back and said so."""

from __future__ import annotations

import time
from typing import Any

from mlops import endpoints, registry
from mlops.decisions import known
from mlops.endpoints import Serving
from mlops.errors import JobFailed, PlatformFault, RequestRefused, Unavailable
from mlops.handles import Deployment, Evaluation, ModelVersion, PreparedData
from mlops.identity import Phase
from mlops.phases import progress
from mlops.phases.deploy import endpoint as live
from mlops.phases.deploy import plan, scaling, state
from mlops.phases.deploy.plan import Goal
from mlops.phases.deploy.steps import PHASE, find_goal, follow
from mlops.phases.run import Run
from mlops.record import PhaseState
from mlops.services import Services

ANSWERS = 5
"""That many requests in a row must be answered by the new version."""
_RESTORE_S = 120.0


def confirm(services: Services, run_key: str) -> Deployment:
    """Prove that the run's version answers and write down that it serves. Safe to repeat.

    Raises:
        Unavailable: the endpoint still changes.
        UserFault, PlatformFault: the deployment failed; the old version serves (again).
        RequestRefused: the deployment was never started.
    """
    record = services.ledger.require_run(run_key)
    phase = record.phases[PHASE]
    if phase.state in (PhaseState.SUCCEEDED, PhaseState.SKIPPED):
        return Deployment.model_validate(phase.handle)
    run = Run(record)
    status = follow(services, run_key)
    if status.state == "changing":
        raise Unavailable(f"Endpoint {run.endpoint} still changes ({status.detail}); follow it and confirm then.")
    goal, chosen = _fixed(services, run)
    try:
        if status.state == "failed":
            _raise_failure(services, run)
        proof = _prove(services, run, goal, chosen)
    except JobFailed as fault:
        _note_rollback(services, run, goal, chosen, str(fault))
        raise
    return _record(services, run, goal, chosen, proof)


def _fixed(services: Services, run: Run) -> tuple[Goal | None, dict[str, Any]]:
    chosen = known(services.ledger, run.key, PHASE.value)
    now_state = state.read(services.ledger, run.key)
    if chosen is None or now_state is None:
        raise RequestRefused(f"Run {run.key} has not started phase deploy; call start_deployment first.")
    return find_goal(services, run, chosen, now_state, live.look(services.cloud, run.endpoint)), chosen


def _raise_failure(services: Services, run: Run) -> None:
    now_state = state.read(services.ledger, run.key)
    if now_state and now_state.failed:
        state.raise_for(now_state.failed)


def _prove(services: Services, run: Run, goal: Goal | None, chosen: dict[str, Any]) -> str:
    """The sentence that proves it. A version that stands but does not answer is taken back."""
    if goal is None:
        raise Unavailable(f"Endpoint {run.endpoint} still changes; follow it and confirm then.")
    view = live.look(services.cloud, run.endpoint)
    expected = goal.step_config if goal.strategy == "ab_test" and goal.step_config else goal.final_config
    if view.status != "InService" or view.config != expected:
        raise Unavailable(f"Endpoint {run.endpoint} is {view.status} with {view.config}, not {expected}; follow it.")
    share = view.shares.get(goal.new_variant, 0.0)
    answers, problem = _ask_patiently(services, run, chosen, goal)
    if problem:
        _restore(services, run, f"{run.endpoint} is InService, and {problem}")
    return (
        f"{run.endpoint} is InService with {expected}; {share:.0f} % of requests go to {goal.new_variant}; "
        f"{answers} of {answers} requests were answered by {chosen['version']}."
    )


def _ask_patiently(services: Services, run: Run, chosen: dict[str, Any], goal: Goal) -> tuple[int, str]:
    """(requests answered rightly in a row, what went wrong). A server error is asked again twice."""
    target = goal.new_variant if goal.strategy == "ab_test" and goal.step_config else None
    answered, patience = 0, 2
    while answered < ANSWERS:
        answer = live.ask(services.cloud, run.endpoint, chosen["probe"], target)
        if answer.ok and answer.version == chosen["version"]:
            answered += 1
        elif answer.is_server_error and patience:
            patience -= 1
            time.sleep(0.5)
        elif answer.ok:
            return answered, f"a request was answered by {answer.version or 'a model without a version'}"
        else:
            return answered, f"a request failed: {answer.error}"
    return answered, ""


def _restore(services: Services, run: Run, reason: str) -> None:
    """Go back to what stood before, wait for it for a while, and say why. Always raises JobFailed."""
    state.change(services.ledger, run.key, lambda one: one.model_copy(update={"bad": one.bad or reason}))
    deadline = time.monotonic() + _RESTORE_S
    while follow(services, run.key).state == "changing" and time.monotonic() < deadline:
        time.sleep(min(1.0, services.settings.job_poll_interval_s))
    _raise_failure(services, run)
    raise PlatformFault(f"{reason}; the old version is still being restored.")


def _note_rollback(services: Services, run: Run, goal: Goal | None, chosen: dict[str, Any], reason: str) -> None:
    """The old version scales as before, and the record says what happened."""
    base = goal.base if goal else plan.Base()
    if base.serving:
        serving_run = services.ledger.get_run(base.serving.run_key)
        wanted = Run(serving_run).spec.deployment.auto_scaling if serving_run else None
        scaling.apply(services.cloud, run.endpoint, plan.variant_name(base.serving.version), wanted)
    undone = Deployment(
        endpoint=run.endpoint,
        config=base.config or "",
        version=chosen["version"],
        state="rolled_back" if base.config else "failed",
        strategy=run.spec.deployment.strategy,
        proof=f"{base.serving.version if base.serving else 'The old configuration'} serves." if base.config else "",
    )
    told = f"Rolled back, {undone.proof.removesuffix('.')}: {reason}" if undone.proof else reason
    progress.failed(services, run.key, PHASE, PlatformFault(told), undone)


def _record(services: Services, run: Run, goal: Goal | None, chosen: dict[str, Any], proof: str) -> Deployment:
    assert goal is not None
    packaged = progress.require_result(run.record, Phase.PACKAGE, ModelVersion)
    prepared = progress.require_result(run.record, Phase.PREPARE, PreparedData)
    evaluation = progress.require_result(run.record, Phase.VALIDATE, Evaluation)
    wanted = run.spec.deployment
    scaled = scaling.apply(services.cloud, run.endpoint, goal.new_variant, wanted.auto_scaling)
    ours = Serving(
        version=packaged.version,
        run_key=run.key,
        config=goal.final_config,
        model_uri=packaged.model_uri,
        package_arn=packaged.package_arn,
        dataset=prepared.dataset,
        dataset_version=prepared.version,
        evaluation_uri=evaluation.prefix,
        since=services.timestamp(),
    )
    compared = wanted.strategy == "ab_test" and goal.step_config is not None
    if compared:
        endpoints.change(services.ledger, run.endpoint, challenger=ours)
    else:
        endpoints.change(
            services.ledger, run.endpoint, serving=ours, previous=goal.base.serving, challenger=None, drift=None
        )
    if packaged.package_arn:
        registry.approve(services.cloud, packaged.package_arn, "Approved", f"Deployed by run {run.key}.")
    done = Deployment(
        endpoint=run.endpoint,
        config=goal.step_config if compared and goal.step_config else goal.final_config,
        version=packaged.version,
        state="in_service",
        strategy=wanted.strategy,
        url=f"{services.cloud.runtime.meta.endpoint_url}/endpoints/{run.endpoint}/invocations",
        proof=proof,
        auto_scaling=scaled,
    )
    progress.succeeded(services, run.key, PHASE, done, proof)
    return done
