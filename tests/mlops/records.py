"""Records of runs as the phases leave them, for tests of what is drawn from them."""

from __future__ import annotations

from typing import Any

from mlops.identity import Phase
from mlops.record import JobHandle, PhaseRecord, PhaseState, RunRecord, RunState, Trigger
from mlops.services import Services

RUN_KEY = "gh-4242-7-0123456789ab"
SPEC: dict[str, Any] = {
    "name": "xgboost-breast-cancer",
    "model_type": "supervised_learning",
    "algorithm": "xgboost",
    "dataset": {"name": "breast-cancer"},
    "hyperparameters": {"n_estimators": 200, "max_depth": 4},
}


def done(message: str, handle: dict[str, Any] | None = None, seconds: int = 7) -> PhaseRecord:
    return PhaseRecord(
        state=PhaseState.SUCCEEDED,
        started_at="2026-11-23T10:00:00Z",
        ended_at=f"2026-11-23T10:00:{seconds:02d}Z",
        message=message,
        handle=handle or {},
    )


def running_record(**changes: Any) -> RunRecord:
    """An issue's run in the middle of training."""
    record = RunRecord(
        run_key=RUN_KEY,
        trigger=Trigger.ISSUE,
        repository="acme/perception",
        repository_id=4242,
        issue=7,
        revision="0123456789ab",
        body_hash="00",
        actor="octocat",
        spec=SPEC,
        state=RunState.STARTED,
        created_at="2026-11-23T10:00:00Z",
        labelled_at="2026-11-23T09:59:50Z",
        started_at="2026-11-23T10:00:01Z",
    )
    record.phases[Phase.PREPARE] = done(
        "569 rows, 30 features; 0 rows dropped.",
        {
            "dataset": "breast-cancer",
            "version": "3f2a91c0de11",
            "prefix": "s3://mlops-bucket/datasets/breast-cancer/versions/3f2a91c0de11/",
            "manifest_uri": "s3://mlops-bucket/datasets/breast-cancer/versions/3f2a91c0de11/manifest.json",
            "task": "classification",
            "target": "diagnosis",
            "classes": ["benign", "malignant"],
            "features": 30,
            "rows": {"train": 398, "validation": 85, "test": 114},
        },
    )
    record.phases[Phase.TRAIN] = PhaseRecord(
        state=PhaseState.RUNNING,
        started_at="2026-11-23T10:00:08Z",
        jobs=[JobHandle(name="gh-4242-7-0123456789ab-train-t1", kind="training", config_hash="aa")],
    )
    return record.model_copy(update=changes)


def judged_record(
    *, value: float = 0.97, limit: float = 0.95, champion: float | None = 0.96, **changes: Any
) -> RunRecord:
    """A run after the judge spoke; accepted where `value` meets `limit` and beats the champion."""
    record = running_record()
    passed = value >= limit
    decision = (
        "below_threshold" if not passed else "deploy" if champion is None or value >= champion else "keep_champion"
    )
    record.phases[Phase.TRAIN] = done(
        "200 trees in 3 s.",
        {
            "model_uri": f"s3://mlops-bucket/models/xgboost-breast-cancer/training/{RUN_KEY}/output/model.tar.gz",
            "algorithm": "xgboost",
            "seconds": 3.0,
            "metrics": {"f1": 0.98},
            "hyperparameters": {"n_estimators": 200, "max_depth": 4},
        },
        12,
    )
    record.phases[Phase.VALIDATE] = done(
        f"f1 {value}",
        {
            "task": "classification",
            "prefix": f"s3://mlops-bucket/evaluations/{RUN_KEY}/",
            "metrics": {"f1": value, "accuracy": 0.974},
            "rows": 114,
            "champion_metrics": {"f1": champion, "accuracy": 0.95} if champion is not None else None,
            "champion_version": "v1.0.0" if champion is not None else None,
            "plots": ["confusion_matrix.png", "roc_curve.png", "learning_curve.png"],
            "seal_intact": True,
        },
    )
    verdict = {
        "accepted": decision == "deploy",
        "decision": decision,
        "checks": [{"metric": "f1", "value": value, "limit": limit, "direction": "at_least", "passed": passed}],
        "reasons": [f"f1 is {value:g}; the issue asks for at least {limit:g}."],
        "primary_metric": "f1",
    }
    return record.model_copy(update={"verdict": verdict, **changes})


def deployed_record(**changes: Any) -> RunRecord:
    """A run whose model answers."""
    record = judged_record()
    record.phases[Phase.PACKAGE] = done(
        "Version 1.1.0 registered.",
        {
            "model_id": "xgboost-breast-cancer",
            "version": "v1.1.0",
            "model_uri": "s3://mlops-bucket/models/xgboost-breast-cancer/1.1.0/model.tar.gz",
            "sha256": "00",
            "package_arn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/xgboost-breast-cancer/2",
            "openapi_uri": "s3://mlops-bucket/models/xgboost-breast-cancer/1.1.0/openapi.json",
        },
    )
    record.phases[Phase.DEPLOY] = done(
        "Version 1.1.0 answers.",
        {
            "endpoint": "mlops-xgboost-breast-cancer",
            "config": "mlops-xgboost-breast-cancer-1-1-0",
            "strategy": "blue_green",
            "version": "v1.1.0",
            "state": "in_service",
            "proof": "20 of 20 probes were answered by 1.1.0.",
        },
        40,
    )
    record.phases[Phase.MONITOR] = done("Watched.")
    return record.model_copy(update=changes)


def put(house: Services, run_key: str, other: RunRecord) -> None:
    """Give a run the phases and verdict of another record."""
    house.ledger.update_run(
        run_key, lambda known: known.model_copy(update={"phases": other.phases, "verdict": other.verdict})
    )
