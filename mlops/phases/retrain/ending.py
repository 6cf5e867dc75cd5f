"""The end of a run: nothing more, a question to the operator, or a stop; and what could be changed."""

from __future__ import annotations

from typing import Any

import yaml

from mlops.curves import read_training_log
from mlops.handles import Evaluation, NextStep, PreparedData, TrainedModel
from mlops.identity import Phase
from mlops.phases import progress
from mlops.phases.retrain.tuning import Suggestion, suggest_settings, symptoms
from mlops.phases.run import Run
from mlops.record import PhaseState, RunRecord
from mlops.services import Services
from mlops.spec import metrics as catalogue

PHASE = Phase.RETRAIN


def next_step(record: RunRecord, max_retrainings: int) -> NextStep:
    """What the verdict leads to. A run without an issue has nobody to ask."""
    decision = (record.verdict or {}).get("decision")
    left = max(0, max_retrainings - record.retraining)
    if decision in ("deploy", "keep_champion"):
        return NextStep(action="none", retrainings_left=left, message=_after_passing(record, decision))
    why = " ".join((record.verdict or {}).get("reasons", [])[:3]) or "There is no verdict."
    if record.issue is None:
        return NextStep(action="stop", retrainings_left=0, message=f"{why} No issue belongs to this run.")
    if left == 0:
        message = f"{why} All {max_retrainings} retrainings are used; file a new issue to go on."
        return NextStep(action="stop", retrainings_left=0, message=message)
    times = "once more" if left == 1 else f"{left} more times"
    message = f"{why} Comment `/retrain` with changed settings to try again ({times})."
    return NextStep(action="ask_operator", retrainings_left=left, message=message)


def _after_passing(record: RunRecord, decision: str) -> str:
    deploy = record.phases[Phase.DEPLOY]
    if deploy.state is PhaseState.SUCCEEDED:
        return "It serves. Drift, new data or the schedule start the next run, as the policy says."
    if deploy.state is PhaseState.SKIPPED and deploy.message:
        return deploy.message
    return "The serving model is better and stays." if decision == "keep_champion" else "The model passed."


def decide(services: Services, run_key: str) -> NextStep:
    """Conclude the run and write it down. Safe to repeat."""
    record = services.ledger.require_run(run_key)
    stored = progress.result(record, PHASE, NextStep)
    if stored:
        return stored
    step = next_step(record, services.settings.max_retrainings)
    progress.begun(services, run_key, PHASE)
    progress.succeeded(services, run_key, PHASE, step, step.message)
    return step


def suggest(services: Services, run_key: str) -> dict[str, Any]:
    """Settings that the next try could change, and the comment that would start it. Empty changes: no idea.

    Raises:
        RequestRefused: the run is unknown or was not evaluated yet.
    """
    record = services.ledger.require_run(run_key)
    run = Run(record)
    trained = progress.require_result(record, Phase.TRAIN, TrainedModel)
    task = progress.require_result(record, Phase.PREPARE, PreparedData).task
    evaluation = progress.result(record, Phase.VALIDATE, Evaluation)
    missed = [one["metric"] for one in (record.verdict or {}).get("checks", []) if not one["passed"]]
    seen = symptoms(read_training_log(services.cloud, trained.model_uri), catalogue.PRIMARY[task], missed)
    found = suggest_settings(run.spec, seen)
    return {
        "run_key": run_key,
        "hyperparameters": found.hyperparameters,
        "reasons": list(found.reasons),
        "train": seen.train,
        "validation": seen.validation,
        "metric": seen.metric,
        "test_metrics": evaluation.metrics if evaluation else {},
        "missed": missed,
        "comment": comment(found),
    }


def comment(found: Suggestion) -> str:
    """What an operator could post as it is; empty where there is nothing to suggest."""
    if not found.hyperparameters:
        return ""
    settings = yaml.safe_dump({"hyperparameters": found.hyperparameters}, sort_keys=False, default_flow_style=None)
    return f"/retrain\n```yaml\n{settings}```\n"
