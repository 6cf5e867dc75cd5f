"""What MLflow gets of a finished run: settings, figures, curves, plots and where everything lies."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mlops import history
from mlops.errors import MlopsError
from mlops.identity import Phase
from mlops.living_comment import issue_url
from mlops.record import Outcome, RunRecord

if TYPE_CHECKING:
    from mlops.services import Services

log = logging.getLogger(__name__)


def track(services: Services, record: RunRecord) -> None:
    """MLflow gets the run; its being away is no reason to hold a result back."""
    if record.mlflow_run_id or not services.tracking.enabled:
        return
    trained, evaluated = record.phases[Phase.TRAIN].handle, record.phases[Phase.VALIDATE].handle
    package, prepared = record.phases[Phase.PACKAGE].handle, record.phases[Phase.PREPARE].handle
    tags = {
        "mlops.outcome": record.outcome.value if record.outcome else "",
        "mlops.trigger": record.trigger.value,
        "mlops.issue": issue_url(services, record),
        "mlops.dataset": f"{prepared.get('dataset', '')}@{prepared.get('version', '')}",
        "mlops.model_uri": str(package.get("model_uri") or trained.get("model_uri") or ""),
        "mlops.model_version": str(package.get("version") or ""),
        "mlops.evaluation": str(evaluated.get("prefix") or ""),
    }
    metrics = {f"validation_{name}": value for name, value in (trained.get("metrics") or {}).items()}
    metrics |= {f"test_{name}": value for name, value in (evaluated.get("metrics") or {}).items()}
    try:
        run_id = services.tracking.log_run(
            record.run_key,
            experiment=str(record.spec.get("name") or "mlops"),
            parameters=flat(record.spec),
            metrics=metrics,
            tags={name: value for name, value in tags.items() if value},
            curves=_curves(services, str(trained.get("model_uri") or "")),
            plots=history.read_plots(services.cloud, record),
            failed=record.outcome is Outcome.FAILED,
        )
    except MlopsError as error:
        log.warning("Run %s is not tracked: %s", record.run_key, error)
        return
    services.ledger.update_run(record.run_key, lambda known: known.model_copy(update={"mlflow_run_id": run_id}))


def _curves(services: Services, model_uri: str) -> dict[str, list[tuple[float, float]]]:
    """The learning curve that training left in its archive: series name -> (x, value).

    A series may be shorter than the axis: the validation split is not looked at in every epoch. Its gaps are null.
    """
    if not model_uri.startswith("s3://"):
        return {}
    from mlops.curves import read_training_log

    try:
        curve = read_training_log(services.cloud, model_uri).get("curve") or {}
    except MlopsError as error:
        log.info("No learning curve in %s: %s", model_uri, error)
        return {}
    steps = curve.get("x") or []
    # MLflow's older stores take no colon in a name.
    return {
        str(name).replace(":", "_"): [pair for pair in zip(steps, values, strict=False) if pair[1] is not None]
        for name, values in (curve.get("series") or {}).items()
    }


def flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`: MLflow's parameters have no depth."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, dict):
            found |= flat(inner, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = inner
    return found
