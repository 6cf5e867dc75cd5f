"""A person's decisions about an endpoint: go back to the version before, or let the challenger win."""

from __future__ import annotations

import time
from typing import Any

from mlops import endpoints
from mlops.acting import actor
from mlops.endpoints import EndpointRecord, Serving
from mlops.errors import PlatformFault, RequestRefused, Unavailable
from mlops.handles import Deployment
from mlops.phases.deploy import endpoint as live
from mlops.phases.deploy import plan, scaling
from mlops.phases.deploy.traffic import BUSY
from mlops.phases.run import Run
from mlops.record import RunRecord, TakenBack
from mlops.services import Services

_PATIENCE_S = 900.0
_HISTORY = 10


def roll_back(services: Services, endpoint: str, by: str = "") -> Deployment:
    """Serve the version before again; during an A/B test, end it in favour of the old version.

    Args:
        by: login of the person who asked for it; else the agent that acts is named.

    Raises:
        RequestRefused: unknown endpoint, or nothing to go back to.
        Unavailable: the endpoint is busy with another change. PlatformFault: SageMaker refused to go back.
    """
    record = endpoints.require(services.ledger, endpoint)
    target = record.serving if record.challenger else record.previous
    if target is None:
        raise RequestRefused(f"Endpoint {endpoint} has no earlier version to go back to.")
    leaving = record.challenger or record.serving
    # Not to and fro: what was left is no place to go back to.
    fields = {"serving": target, "previous": record.previous if record.challenger else None}
    return _switch(services, record, target, leaving, "rollback", fields, by)


def taken_back(services: Services, endpoint: str) -> str | None:
    """Key of the run whose version the last rollback took off the endpoint, where it is known."""
    record = endpoints.read(services.ledger, endpoint)
    runs = [note.get("run") for note in record.rollbacks if note["what"] == "rollback"] if record else []
    return (runs[0] if runs else None) or None


def promote(services: Services, endpoint: str, by: str = "") -> Deployment:
    """End an A/B test in favour of the challenger.

    Raises: as `roll_back`; RequestRefused where no test is under way.
    """
    record = endpoints.require(services.ledger, endpoint)
    if record.challenger is None:
        raise RequestRefused(f"No A/B test is under way on endpoint {endpoint}.")
    fields = {"serving": record.challenger, "previous": record.serving}
    return _switch(services, record, record.challenger, record.serving, "promotion", fields, by)


def _switch(
    services: Services,
    record: EndpointRecord,
    target: Serving,
    leaving: Serving | None,
    why: str,
    fields: dict[str, Any],
    by: str,
) -> Deployment:
    endpoint = record.endpoint
    # The newest word on this endpoint: runs created before it may no longer change it.
    endpoints.fence(services.ledger, endpoint, record.model, target.run_key, services.timestamp(), by_person=True)
    view = live.look(services.cloud, endpoint)
    if view.config != target.config or view.status in BUSY:
        for variant in set(view.shares) - {plan.variant_name(target.version)}:
            scaling.remove(services.cloud, endpoint, variant)
        if not live.update(services.cloud, endpoint, target.config, {}):
            raise Unavailable(f"Endpoint {endpoint} is {view.status}; try again when it has settled.")
    _await(services, endpoint, target.config)
    serving_run = services.ledger.get_run(target.run_key)
    wanted = Run(serving_run).spec.deployment.auto_scaling if serving_run else None
    scaled = scaling.apply(services.cloud, endpoint, plan.variant_name(target.version), wanted)
    note = {
        "at": services.timestamp(),
        "what": why,
        "by": by or _agent(),
        "from": leaving.version if leaving else "",
        "run": leaving.run_key if leaving else "",
        "to": target.version,
    }
    if leaving and why == "rollback":
        # Before the endpoint's record: whoever dies between the two rolls back again and writes the same.
        undone = TakenBack(by=note["by"], at=note["at"], endpoint=endpoint, serves=target.version)
        _note_taken_back(services, leaving.run_key, undone)
    history = [note, *record.rollbacks][:_HISTORY]
    endpoints.change(services.ledger, endpoint, **fields, challenger=None, drift=None, rollbacks=history)
    return Deployment(
        endpoint=endpoint,
        config=target.config,
        version=target.version,
        state="in_service",
        strategy="all_at_once",
        url=f"{services.cloud.runtime.meta.endpoint_url}/endpoints/{endpoint}/invocations",
        proof=f"{endpoint} is InService with {target.config} ({target.version}) after a {why}.",
        auto_scaling=scaled,
    )


def _note_taken_back(services: Services, run_key: str, note: TakenBack) -> None:
    def noted(known: RunRecord) -> RunRecord:
        return known.model_copy(update={"taken_back": note})

    if services.ledger.get_run(run_key):
        services.ledger.update_run(run_key, noted)


def _agent() -> str:
    acting = actor()
    return f"agent {acting.agent}" if acting else "somebody"


def _await(services: Services, endpoint: str, config: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        view = live.look(services.cloud, endpoint)
        if view.status == "InService" and view.config == config:
            return
        if view.status not in BUSY:
            raise PlatformFault(f"Endpoint {endpoint} is {view.status} with {view.config}: {view.failure_reason}")
        if time.monotonic() > deadline:
            raise Unavailable(f"Endpoint {endpoint} is still {view.status} after {_PATIENCE_S:.0f} s.")
        time.sleep(min(2.0, services.settings.job_poll_interval_s))
