"""What SageMaker is asked for: machines, and the bodies of processing and training jobs, as pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops.identity import Phase, digest
from mlops.phases import placement
from mlops.settings import Settings
from mlops.spec.algorithms import ALGORITHMS
from mlops.spec.model import RunSpec

_BASE_VOLUME_GB = 10
_MINUTES_PER_EPOCH = {"yolox-nano": 2, "yolox-tiny": 2, "yolox-s": 3, "yolox-m": 4, "yolox-l": 6, "yolox-x": 10}
"""Upper bounds for KITTI's 7,481 frames at 640 pixels on one V100, from published images per second; not run."""


@dataclass(frozen=True)
class Machine:
    """Where a job runs, and for how long at most."""

    image: str
    instance_type: str
    limit_s: int


def machine(settings: Settings, phase: Phase, spec: RunSpec) -> Machine:
    """The machine of a phase's job: a GPU where images are learnt from or judged, or sweeps are worked on."""
    detects = ALGORITHMS[spec.algorithm].workload == "detection"
    if phase is Phase.TRAIN:
        limit_s = training_limit_s(settings, spec)
        if detects:
            return Machine(settings.gpu_training_image, settings.gpu_training_instance_type, limit_s)
        return Machine(settings.training_image, settings.training_instance_type, limit_s)
    if detects and (phase in (Phase.VALIDATE, Phase.PACKAGE) or spec.preprocessing.points is not None):
        return Machine(settings.gpu_processing_image, settings.gpu_processing_instance_type, settings.max_job_runtime_s)
    return Machine(settings.processing_image, settings.processing_instance_type, settings.max_job_runtime_s)


def training_limit_s(settings: Settings, spec: RunSpec) -> int:
    """What a training job may take: as every job, or so much an epoch of its variant, whichever is longer."""
    minutes = _MINUTES_PER_EPOCH.get(spec.variant or "", 0) * int(getattr(spec.hyperparameters, "epochs", 0))
    return max(settings.max_job_runtime_s, min(60 * minutes, settings.max_gpu_training_s))


def environment(run_key: str, phase: str, document: Mapping[str, Any]) -> dict[str, str]:
    """Variables of a job. The hash of `run.json` is among them: another document makes another configuration."""
    return {"MLOPS_RUN_KEY": run_key, "MLOPS_PHASE": phase, "MLOPS_RUN_SHA256": digest(document)}


def processing_body(
    settings: Settings,
    command: str,
    *,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    variables: Mapping[str, str],
    data_bytes: int = 0,
    on: Machine | None = None,
) -> dict[str, Any]:
    """CreateProcessingJob without name and tags.

    Args:
        on: image, instance type and time limit; left out: as every processing job.
        inputs: name -> s3:// prefix; mounted at `/opt/ml/processing/input/{name}`.
        outputs: name -> s3:// prefix; uploaded from `/opt/ml/processing/output/{name}` at the end.
        data_bytes: size of the inputs, for the volume.
    """
    where = on or Machine(settings.processing_image, settings.processing_instance_type, settings.max_job_runtime_s)
    return {
        "AppSpecification": {"ImageUri": where.image, "ContainerArguments": [command]},
        "RoleArn": settings.job_role_arn,
        "ProcessingInputs": [_processing_input(name, uri) for name, uri in inputs.items()],
        "ProcessingOutputConfig": {
            "Outputs": [_processing_output(name, uri) for name, uri in outputs.items()],
            **placement.output_key(settings),
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": where.instance_type,
                "VolumeSizeInGB": volume_gb(data_bytes),
                **placement.volume_key(settings, where.instance_type),
            }
        },
        **placement.processing_network(settings),
        "StoppingCondition": {"MaxRuntimeInSeconds": where.limit_s},
        "Environment": dict(variables),
    }


def _processing_input(name: str, s3_uri: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": s3_uri,
            "LocalPath": f"/opt/ml/processing/input/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }


def _processing_output(name: str, s3_uri: str) -> dict[str, Any]:
    return {
        "OutputName": name,
        "S3Output": {
            "S3Uri": s3_uri,
            "LocalPath": f"/opt/ml/processing/output/{name}",
            "S3UploadMode": "EndOfJob",
        },
    }


def training_body(
    settings: Settings,
    *,
    channels: Mapping[str, str],
    output: str,
    checkpoints: str,
    hyperparameters: Mapping[str, str],
    metrics: Sequence[str],
    variables: Mapping[str, str],
    data_bytes: int = 0,
    on: Machine | None = None,
) -> dict[str, Any]:
    """CreateTrainingJob without name and tags.

    Args:
        channels: name -> s3:// prefix; mounted at `/opt/ml/input/data/{name}`.
        output: s3:// prefix; SageMaker appends `{job}/output/model.tar.gz`.
        checkpoints: s3:// prefix, the same for each attempt: what an interrupted one left, the next goes on from.
        metrics: what the job prints, e.g. `validation:accuracy`.
    """
    where = on or Machine(settings.training_image, settings.training_instance_type, settings.max_job_runtime_s)
    body: dict[str, Any] = {
        "AlgorithmSpecification": {
            "TrainingImage": where.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": name, "Regex": rf"{name}=([-+0-9.eE]+)"} for name in metrics],
        },
        "RoleArn": settings.job_role_arn,
        "HyperParameters": dict(hyperparameters),
        "InputDataConfig": [_channel(name, uri) for name, uri in channels.items()],
        "OutputDataConfig": {"S3OutputPath": output, **placement.output_key(settings)},
        "ResourceConfig": {
            "InstanceCount": 1,
            "InstanceType": where.instance_type,
            "VolumeSizeInGB": volume_gb(data_bytes),
            **placement.volume_key(settings, where.instance_type),
        },
        **placement.network(settings),
        "StoppingCondition": {"MaxRuntimeInSeconds": where.limit_s},
        "EnableManagedSpotTraining": settings.managed_spot,
        "CheckpointConfig": {"S3Uri": checkpoints, "LocalPath": "/opt/ml/checkpoints"},
        "Environment": dict(variables),
    }
    if settings.managed_spot:
        # Waiting for capacity counts, too: allow as long again.
        body["StoppingCondition"]["MaxWaitTimeInSeconds"] = 2 * where.limit_s
    return body


def _channel(name: str, s3_uri: str) -> dict[str, Any]:
    return {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": s3_uri, "S3DataDistributionType": "FullyReplicated"}
        },
    }


def volume_gb(data_bytes: int) -> int:
    """Room for the data, what is made of it and the archive."""
    return _BASE_VOLUME_GB + 4 * (data_bytes >> 30)
