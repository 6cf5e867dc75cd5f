"""`follow`: a deployment goes one move at a time, each decided anew from what stands."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from mlops import endpoints
from mlops.alarms import error_alarm
from mlops.aws import translated
from mlops.decisions import known, once
from mlops.errors import RequestRefused
from mlops.handles import DeploymentStatus
from mlops.identity import Phase
from mlops.phases.deploy import approval, log_group, plan, sample, scaling, state, traffic
from mlops.phases.deploy import endpoint as live
from mlops.phases.deploy.plan import Base, Goal
from mlops.phases.deploy.state import State
from mlops.phases.deploy.traffic import View
from mlops.phases.run import Run
from mlops.record import PhaseState
from mlops.services import Services

log = logging.getLogger(__name__)

PHASE = Phase.DEPLOY
_PROBES_PER_CALL = 20


def follow(services: Services, run_key: str) -> DeploymentStatus:
    """Look, and make the next move: create, update, move weights, probe, go back. Safe to repeat and to interrupt.

    Raises:
        RequestRefused: the deployment was never started.
    """
    record = services.ledger.require_run(run_key)
    run = Run(record)
    if record.phases[PHASE].state is PhaseState.SKIPPED:
        return _status(services, run, "done", record.phases[PHASE].message)
    chosen = known(services.ledger, run_key, PHASE.value)
    now_state = state.read(services.ledger, run_key)
    if chosen is None or now_state is None:
        raise RequestRefused(f"Run {run_key} has not started phase deploy; call start_deployment first.")
    if now_state.failed:
        return _status(services, run, "failed", now_state.failed.reason)
    holder = endpoints.require(services.ledger, run.endpoint).token_run
    if holder != run_key:
        return _fail(services, run, f"The newer run {holder} has taken over endpoint {run.endpoint}.", bad=False)
    word = approval.answer(services, run)
    if word == "rejected":
        return _fail(services, run, f"{chosen['version']} was rejected in the Model Registry.", bad=True)
    if word == "wait":
        return _status(services, run, "changing", f"waits for a person to approve {chosen['version']}")
    view = live.look(services.cloud, run.endpoint)
    goal = find_goal(services, run, chosen, now_state, view)
    if goal is None:
        return _status(services, run, "changing", f"waits for another change of the endpoint ({view.status})", view)
    return _move(services, run, goal, chosen, _in_step(services, run, goal, now_state, view), view)


def find_goal(services: Services, run: Run, chosen: dict[str, Any], now_state: State, view: View) -> Goal | None:
    """Where this attempt is going; fixed when the endpoint is first seen at rest. None until then."""
    subject = f"{PHASE.value}-goal-{now_state.attempt}"
    fixed = known(services.ledger, run.key, subject)
    if fixed is None and view.status in traffic.BUSY:
        return None
    return Goal.model_validate(
        fixed
        or once(services.ledger, run.key, subject, lambda: _aim(services, run, chosen, view).model_dump(mode="json"))
    )


def _aim(services: Services, run: Run, chosen: dict[str, Any], view: View) -> Goal:
    """The configurations are created here, before the goal that names them is written."""
    live.ensure(services.cloud, "model", chosen["model"])
    live.ensure(services.cloud, "endpoint_config", chosen["config"])
    final, new = chosen["config_name"], chosen["variant"]
    stands = view.status == "InService" and view.config != final
    serving = endpoints.require(services.ledger, run.endpoint).serving
    base = Base(config=view.config, serving=serving) if stands else Base()
    strategy = run.spec.deployment.strategy
    goal = Goal(endpoint=run.endpoint, strategy=strategy, new_variant=new["VariantName"], final_config=final, base=base)
    if strategy not in ("canary", "ab_test") or not stands:
        return goal
    old = _serving_variant(services, run.endpoint, view)
    before, after = plan.first_weights(strategy)
    both = [{**old, "InitialVariantWeight": before}, {**new, "InitialVariantWeight": after}]
    step = plan.config_request(services.settings, run.endpoint, run.key, chosen["version"], both)
    name = live.ensure(services.cloud, "endpoint_config", step)
    return goal.model_copy(update={"old_variant": old["VariantName"], "step_config": name})


def _serving_variant(services: Services, endpoint: str, view: View) -> dict[str, Any]:
    """The variant that takes most requests now, with as many instances as it has now."""
    main = max(view.shares, key=lambda name: view.shares[name])
    described = live.describe(services.cloud, endpoint) or {}
    counts = {one["VariantName"]: one.get("CurrentInstanceCount") for one in described.get("ProductionVariants", [])}
    config = services.cloud.sagemaker.describe_endpoint_config(EndpointConfigName=view.config)
    found = next(one for one in config["ProductionVariants"] if one["VariantName"] == main)
    count = counts.get(main) or found.get("InitialInstanceCount", 1)
    return plan.variant(main, found["ModelName"], found["InstanceType"], int(count), 100.0)


def _in_step(services: Services, run: Run, goal: Goal, now_state: State, view: View) -> State:
    """Note when a canary step began and what had been seen until then: its sample starts there."""
    if not goal.is_stepwise or view.status != "InService" or view.config != goal.step_config:
        return now_state
    share = round(view.shares.get(goal.new_variant, 0.0), 1)
    if now_state.share == share:
        return now_state
    began = services.now()
    first = now_state.first or began.isoformat()
    seen = _totals(services, goal, first)
    step = {
        "share": share,
        "since": began.isoformat(),
        "first": first,
        "before": {"requests": seen.requests, "errors": seen.errors},
        "probes": [],
    }
    return state.change(services.ledger, run.key, lambda one: one.model_copy(update=step))


def _totals(services: Services, goal: Goal, first: str) -> sample.Totals:
    began = datetime.fromisoformat(first)
    return sample.totals(services.cloud, goal.endpoint, goal.new_variant, began, services.now())


def _move(
    services: Services, run: Run, goal: Goal, chosen: dict[str, Any], now_state: State, view: View
) -> DeploymentStatus:
    seen = _sample(services, goal, now_state)
    move = traffic.next_move(
        view, goal, asked=frozenset(now_state.asked), bad=now_state.bad, sample=seen, limits=_limits(services, run)
    )
    match move:
        case traffic.Create(config=config):
            log_group.keep(services.cloud, services.settings, run.endpoint)
            live.create(services.cloud, run.endpoint, config, {"mlops:model": run.model, "mlops:run-key": run.key})
            _asked(services, run, config)
        case traffic.Update(config=config):
            log_group.keep(services.cloud, services.settings, run.endpoint)  # of one that an older version of us made
            _free_vanishing_variants(services, run.endpoint, view, config)
            how = _deployment_config(services, goal) if config == goal.final_config else {}
            if live.update(services.cloud, run.endpoint, config, how):
                _asked(services, run, config)
        case traffic.Recreate():
            live.delete(services.cloud, run.endpoint)
        case traffic.SetShare(percent=percent):
            weights = {goal.new_variant: float(percent), str(goal.old_variant): 100.0 - percent}
            live.set_weights(services.cloud, run.endpoint, weights)
        case traffic.Probe(requests=requests):
            _probe(services, run, goal, chosen, min(requests, _PROBES_PER_CALL))
        case traffic.GoBack(reason=reason):
            log.warning("Going back on %s: %s", run.endpoint, reason)
            state.change(services.ledger, run.key, lambda one: one.model_copy(update={"bad": one.bad or reason}))
        case traffic.Failed(reason=reason):
            return _fail(services, run, reason, bad=now_state.bad is not None, view=view)
        case traffic.Done():
            return _status(services, run, "done", f"{view.status} {view.config}", view)
    return _status(services, run, "changing", _words(move), view)


def _words(move: traffic.Move) -> str:
    match move:
        case traffic.Wait(detail=detail):
            return detail
        case traffic.Create(config=config):
            return f"creating with {config}"
        case traffic.Update(config=config):
            return f"updating to {config}"
        case traffic.SetShare(percent=percent):
            return f"moving {percent} % of requests to the new version"
        case traffic.Probe(requests=requests):
            return f"sending {requests} requests of our own"
        case traffic.GoBack(reason=reason):
            return f"going back: {reason}"
    return "replacing an endpoint that failed"


def _sample(services: Services, goal: Goal, now_state: State) -> traffic.Sample:
    if now_state.since is None or now_state.first is None or not goal.is_stepwise:
        return traffic.Sample()
    waited_s = (services.now() - datetime.fromisoformat(now_state.since)).total_seconds()
    seen = _totals(services, goal, now_state.first)
    return sample.of_step(seen, now_state.before, now_state.probes, waited_s)


def _limits(services: Services, run: Run) -> traffic.Limits:
    settings, wanted = services.settings, run.spec.deployment.auto_scaling
    issue_limit = wanted.target_latency_ms if wanted else None
    return traffic.Limits(
        minimum_requests=settings.canary_minimum_requests,
        max_error_rate=settings.canary_max_error_rate,
        max_latency_ms=issue_limit or settings.canary_max_latency_ms,
        step_s=settings.canary_step_s,
    )


def _asked(services: Services, run: Run, config: str) -> None:
    def add(known_state: State) -> State:
        return known_state.model_copy(update={"asked": sorted({*known_state.asked, config})})

    state.change(services.ledger, run.key, add)


def _probe(services: Services, run: Run, goal: Goal, chosen: dict[str, Any], requests: int) -> None:
    answers = [live.ask(services.cloud, run.endpoint, chosen["probe"], goal.new_variant) for _ in range(requests)]
    sent = [sample.as_probe(answer, chosen["version"]) for answer in answers]

    def add(known_state: State) -> State:
        return known_state.model_copy(update={"probes": [*known_state.probes, *sent]})

    state.change(services.ledger, run.key, add)


def _free_vanishing_variants(services: Services, endpoint: str, view: View, config: str) -> None:
    described = services.cloud.sagemaker.describe_endpoint_config(EndpointConfigName=config)
    staying = {one["VariantName"] for one in described["ProductionVariants"]}
    for gone in set(view.shares) - staying:
        scaling.remove(services.cloud, endpoint, gone)


def _deployment_config(services: Services, goal: Goal) -> dict[str, Any]:
    """Blue/green: an alarm on the new variant makes SageMaker go back by itself while the old servers stand."""
    if goal.strategy != "blue_green":
        return {}
    alarm = error_alarm(
        f"{goal.endpoint}-deploying", goal.endpoint, goal.new_variant, services.policy.monitoring.error_rate, periods=1
    )
    with translated(f"set the alarm of the deployment of {goal.endpoint}"):
        services.cloud.cloudwatch.put_metric_alarm(**alarm)
    return plan.deployment_config(services.settings, goal.strategy, [alarm["AlarmName"]])


def _fail(services: Services, run: Run, reason: str, *, bad: bool, view: View | None = None) -> DeploymentStatus:
    failed = state.failure(reason, judged_bad=bad)
    state.change(services.ledger, run.key, lambda one: one.model_copy(update={"failed": one.failed or failed}))
    return _status(services, run, "failed", reason, view)


def _status(services: Services, run: Run, how: Any, detail: str, view: View | None = None) -> DeploymentStatus:
    return DeploymentStatus(
        endpoint=run.endpoint,
        state=how,
        detail=detail,
        traffic={name: round(share, 1) for name, share in view.shares.items()} if view else {},
        poll_after_s=services.settings.job_poll_interval_s if how == "changing" else 0.0,
    )
