"""`validate`: predictions on the sealed test split, for the new model and for the one that serves."""

from __future__ import annotations

import math
from typing import Any

from mlops import endpoints, jobs, keys
from mlops.decisions import once
from mlops.errors import JobFailed, PlatformFault
from mlops.handles import Evaluation, PreparedData, Submission, TrainedModel
from mlops.identity import Phase
from mlops.jobs import JobRequest
from mlops.objects import read_json, size_of
from mlops.phases import progress, requests
from mlops.phases.run import Run, upload_document
from mlops.services import Services
from mlops.settings import Settings
from mlops.spec.metrics import in_order

PHASE = Phase.VALIDATE


def plan(
    settings: Settings,
    run: Run,
    prepared: PreparedData,
    trained: TrainedModel,
    champion_uri: str | None,
    document: dict[str, Any],
) -> JobRequest:
    """The processing job that predicts the test split and measures."""
    bucket = settings.bucket
    inputs = {
        "model": trained.model_uri,
        "test": f"{prepared.prefix}test/",
        "features": f"{prepared.prefix}features.json",
        "manifest": prepared.manifest_uri,
        "run": keys.uri(bucket, keys.run_file(run.key, PHASE.value)),
    }
    if champion_uri:
        inputs["champion"] = champion_uri
    body = requests.processing_body(
        settings,
        "validate",
        inputs=inputs,
        outputs={"evaluation": keys.uri(bucket, keys.evaluation_prefix(run.key))},
        variables=requests.environment(run.key, PHASE.value, document),
        on=requests.machine(settings, PHASE, run.spec),
    )
    return JobRequest("processing", run.key, PHASE, body)


def champion(services: Services, run: Run, prepared: PreparedData) -> dict[str, str]:
    """Version and archive of the serving model to be measured on the same rows; empty where there is none.

    A model that serves another dataset is no champion: its figures on these rows would mean nothing.
    """
    known = endpoints.read(services.ledger, run.endpoint)
    serving = known.serving if known else None
    if serving is None or serving.dataset != prepared.dataset or serving.run_key == run.key:
        return {}
    if not size_of(services.cloud, serving.model_uri):
        return {}
    return {"version": serving.version, "model_uri": serving.model_uri}


def start(services: Services, run_key: str) -> Submission:
    """Start or adopt the job. Raises as `mlops.jobs.submit`."""
    record = progress.require_live(services, run_key)
    if progress.result(record, PHASE, Evaluation):
        return progress.nothing_to_do(run_key, PHASE, "The model is evaluated.")
    run = Run(record)
    prepared = progress.require_result(record, Phase.PREPARE, PreparedData)
    trained = progress.require_result(record, Phase.TRAIN, TrainedModel)
    progress.begun(services, run_key, PHASE)

    def decide() -> dict[str, Any]:
        serving = champion(services, run, prepared)
        document = run.document(
            PHASE.value,
            task=prepared.task,
            dataset_version=prepared.version,
            champion_version=serving.get("version"),
        )
        request = plan(services.settings, run, prepared, trained, serving.get("model_uri"), document)
        return {"document": document, "body": dict(request.body)}

    chosen = once(services.ledger, run_key, PHASE.value, decide)
    upload_document(services, run_key, PHASE.value, chosen["document"])
    try:
        job = jobs.submit(services, JobRequest("processing", run_key, PHASE, chosen["body"]))
    except JobFailed as fault:
        progress.failed(services, run_key, PHASE, fault)
        raise
    progress.begun(services, run_key, PHASE, job)
    return Submission(run_key=run_key, phase=PHASE.value, job=job)


def collect(services: Services, run_key: str) -> Evaluation:
    """What was measured; the judge decides what it is worth. Raises as `mlops.jobs.require_success`."""
    record = services.ledger.require_run(run_key)
    stored = progress.result(record, PHASE, Evaluation)
    if stored:
        return stored
    prepared = progress.require_result(record, Phase.PREPARE, PreparedData)
    prefix = keys.uri(services.settings.bucket, keys.evaluation_prefix(run_key))
    try:
        jobs.require_success(services, "processing", run_key, PHASE)
        results = read_json(services.cloud, f"{prefix}results.json")
        if results is None:
            raise PlatformFault(f"The job of validate left no results.json at {prefix}.")
        evaluation = read(results, prefix, prepared.rows.get("test", 0))
    except JobFailed as fault:
        progress.failed(services, run_key, PHASE, fault)
        raise
    progress.succeeded(services, run_key, PHASE, evaluation, sentence(evaluation))
    return evaluation


def read(results: dict[str, Any], prefix: str, test_rows: int) -> Evaluation:
    """The job's results as a handle. A figure that is no number is left out: the judge then finds it missing.

    The seal is broken, too, where other than the prepared number of test rows was predicted.
    """
    rows = int(results["rows"])
    champion_metrics = results.get("champion_metrics")
    return Evaluation(
        task=results["task"],
        prefix=prefix,
        metrics=numbers(results["metrics"]),
        rows=rows,
        champion_metrics=numbers(champion_metrics) if champion_metrics is not None else None,
        champion_version=results.get("champion_version"),
        plots=results.get("plots") or [],
        seal_intact=bool(results["seal_intact"]) and rows == test_rows,
    )


def numbers(metrics: dict[str, Any]) -> dict[str, float]:
    """The finite ones, as floats."""
    return {
        name: float(value)
        for name, value in metrics.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }


def sentence(evaluation: Evaluation) -> str:
    shown = ", ".join(f"{name} {evaluation.metrics[name]:.4g}" for name in in_order(evaluation.metrics)[:6])
    what = "frames" if evaluation.task == "object_detection" else "rows"
    return f"{evaluation.rows} test {what}: {shown or 'nothing was measured'}."
