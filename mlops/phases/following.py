"""A job while it runs: its state and log for the caller, and how far a training is for everybody else."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from mlops import jobs
from mlops.epochs import Epoch, read_epochs, sentence
from mlops.errors import MlopsError
from mlops.handles import JobStatus
from mlops.identity import Phase
from mlops.phases import progress
from mlops.record import PhaseState, RunRecord
from mlops.services import Services

log = logging.getLogger(__name__)

_PAUSE = timedelta(seconds=10)
"""Between two words about the same training: a quick one is over before there is anything to say."""


def follow(services: Services, name: str, kind: str, log_cursor: str | None = None) -> tuple[JobStatus, str | None]:
    """As `jobs.follow`; and the run whose record now says how far its training is, None where nothing is new."""
    status = jobs.follow(services, name, kind, log_cursor)
    epochs = read_epochs(status.log_lines) if kind == "training" and status.state == "running" else []
    if not epochs:
        return status, None
    job = jobs.describe(services.cloud, name, kind)
    run_key = str(job.description.get("Environment", {}).get("MLOPS_RUN_KEY", "")) if job else ""
    record = services.ledger.get_run(run_key) if run_key else None
    if record is None or not _note(services, record, epochs):
        return status, None
    return status, run_key


def _note(services: Services, record: RunRecord, epochs: list[Epoch]) -> bool:
    """True where the record says something new."""
    phase, now = record.phases[Phase.TRAIN], services.now()
    if phase.state is not PhaseState.RUNNING or not phase.started_at:
        return False
    item = f"epochs#{record.run_key}"
    known = services.ledger.get_item(item)
    noted: dict[str, Any] = known.value if known else {"epoch": 0, "at": phase.started_at}
    fresh = [epoch for epoch in epochs if epoch.number > noted["epoch"]]
    if not fresh or now - datetime.fromisoformat(noted["at"]) < _PAUSE:
        return False
    total = record.spec.get("hyperparameters", {}).get("epochs")
    progress.begun(services, record.run_key, Phase.TRAIN, message=sentence(epochs, total))
    services.ledger.change_item(item, lambda _: {"epoch": fresh[-1].number, "at": services.timestamp()})
    _track(services, record, fresh)
    return True


def _track(services: Services, record: RunRecord, epochs: list[Epoch]) -> None:
    """The curve grows in MLflow, too; its being away is no reason to stop following."""
    points = [(name.replace(":", "_"), epoch.number, value) for epoch in epochs for name, value in epoch.values.items()]
    try:
        services.tracking.log_points(record.run_key, str(record.spec.get("name") or "mlops"), points)
    except MlopsError as error:
        log.warning("The epochs of %s are not tracked: %s", record.run_key, error)
