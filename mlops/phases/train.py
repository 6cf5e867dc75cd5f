"""`train`: one training job over the prepared splits."""

from __future__ import annotations

from typing import Any

from mlops import jobs, keys
from mlops.decisions import once
from mlops.errors import JobFailed, PlatformFault
from mlops.handles import PreparedData, Submission, TrainedModel
from mlops.identity import Phase, canonical_json
from mlops.jobs import Job, JobRequest
from mlops.objects import size_of
from mlops.phases import progress, requests
from mlops.phases.run import Run, upload_document
from mlops.services import Services
from mlops.settings import Settings
from mlops.spec import metrics as catalogue
from mlops.spec.model import RunSpec

PHASE = Phase.TRAIN
_MOST_METRICS = 40
"""SageMaker's limit of metric definitions."""
_ALONG = {
    "object_detection": (
        "iou_loss", "objectness_loss", "class_loss", "l1_loss", "learning_rate", "images_per_second",
    ),
}  # fmt: skip
"""What else is printed each epoch."""


def plan(settings: Settings, run: Run, prepared: PreparedData, document: dict[str, Any]) -> JobRequest:
    """The training job of a run, from its spec and its data."""
    bucket = settings.bucket
    channels = {
        "train": f"{prepared.prefix}train/",
        "validation": f"{prepared.prefix}validation/",
        "features": f"{prepared.prefix}features.json",
        "run": keys.uri(bucket, keys.run_file(run.key, PHASE.value)),
    }
    weights = getattr(run.spec.hyperparameters, "weights_uri", None)
    if weights:
        channels["weights"] = weights
    body = requests.training_body(
        settings,
        channels=channels,
        output=keys.uri(bucket, keys.training_output_prefix(run.model)),
        checkpoints=keys.uri(bucket, keys.training_output_prefix(run.model)) + f"checkpoints/{run.key}/",
        hyperparameters=hyperparameters(run.spec),
        metrics=metric_names(prepared.task),
        variables=requests.environment(run.key, PHASE.value, document),
        on=requests.machine(settings, PHASE, run.spec),
    )
    return JobRequest("training", run.key, PHASE, body)


def hyperparameters(spec: RunSpec) -> dict[str, str]:
    """As SageMaker shows them: text, JSON where a value is more than a word. The job itself reads `run.json`."""
    values = {"algorithm": spec.algorithm, **spec.hyperparameters.model_dump(mode="json")}
    shown = {name: value for name, value in values.items() if value is not None}
    return {name: value if isinstance(value, str) else canonical_json(value) for name, value in shown.items()}


def metric_names(task: str) -> list[str]:
    """What a training job of this task may print, e.g. `validation:accuracy`."""
    names = ["loss", *_ALONG.get(task, ()), *[metric.name for metric in catalogue.of_task(task)]]
    return [f"{split}:{name}" for split in ("train", "validation") for name in names][:_MOST_METRICS]


def start(services: Services, run_key: str) -> Submission:
    """Start or adopt the training job. Raises as `mlops.jobs.submit`."""
    record = progress.require_live(services, run_key)
    if progress.result(record, PHASE, TrainedModel):
        return progress.nothing_to_do(run_key, PHASE, "The model is trained.")
    run, prepared = Run(record), progress.require_result(record, Phase.PREPARE, PreparedData)
    document = run.document(PHASE.value, task=prepared.task, dataset_version=prepared.version)
    progress.begun(services, run_key, PHASE)
    body = once(
        services.ledger, run_key, PHASE.value, lambda: dict(plan(services.settings, run, prepared, document).body)
    )
    upload_document(services, run_key, PHASE.value, document)
    try:
        job = jobs.submit(services, JobRequest("training", run_key, PHASE, body))
    except JobFailed as fault:
        progress.failed(services, run_key, PHASE, fault)
        raise
    progress.begun(services, run_key, PHASE, job)
    return Submission(run_key=run_key, phase=PHASE.value, job=job)


def collect(services: Services, run_key: str) -> TrainedModel:
    """The trained model. Raises as `mlops.jobs.require_success`, and PlatformFault where the archive is not there."""
    record = services.ledger.require_run(run_key)
    stored = progress.result(record, PHASE, TrainedModel)
    if stored:
        return stored
    try:
        job = jobs.require_success(services, "training", run_key, PHASE)
        trained = read(job, Run(record).spec)
        if not size_of(services.cloud, trained.model_uri):
            raise PlatformFault(f"{job.name} completed, and there is no archive at {trained.model_uri}.")
    except JobFailed as fault:
        progress.failed(services, run_key, PHASE, fault)
        raise
    progress.succeeded(services, run_key, PHASE, trained, sentence(trained))
    return trained


def read(job: Job, spec: RunSpec) -> TrainedModel:
    """The handle of a completed job, from its description."""
    described = job.description
    return TrainedModel(
        model_uri=described["ModelArtifacts"]["S3ModelArtifacts"],
        algorithm=spec.algorithm,
        seconds=round(seconds(described), 1),
        metrics={
            one["MetricName"].removeprefix("validation:"): float(one["Value"])
            for one in described.get("FinalMetricDataList", [])
            if one["MetricName"].startswith("validation:")
        },
        hyperparameters=spec.hyperparameters.model_dump(mode="json"),
    )


def seconds(described: Any) -> float:
    """How long the training itself took."""
    if described.get("TrainingTimeInSeconds"):
        return float(described["TrainingTimeInSeconds"])
    began, ended = described.get("TrainingStartTime"), described.get("TrainingEndTime")
    return (ended - began).total_seconds() if began and ended else 0.0


def sentence(trained: TrainedModel) -> str:
    shown = ", ".join(f"{name} {trained.metrics[name]:.4g}" for name in catalogue.in_order(trained.metrics)[:4])
    return f"{trained.algorithm} trained in {trained.seconds:g} s" + (f"; validation: {shown}." if shown else ".")
