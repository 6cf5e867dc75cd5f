"""What SageMaker is asked for: the bodies of processing and training jobs, as pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops.identity import digest
from mlops.settings import Settings

_BASE_VOLUME_GB = 10


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
) -> dict[str, Any]:
    """CreateProcessingJob without name and tags.

    Args:
        inputs: name -> s3:// prefix; mounted at `/opt/ml/processing/input/{name}`.
        outputs: name -> s3:// prefix; uploaded from `/opt/ml/processing/output/{name}` at the end.
        data_bytes: size of the inputs, for the volume.
    """
    return {
        "AppSpecification": {"ImageUri": settings.processing_image, "ContainerArguments": [command]},
        "RoleArn": settings.job_role_arn,
        "ProcessingInputs": [_processing_input(name, uri) for name, uri in inputs.items()],
        "ProcessingOutputConfig": {"Outputs": [_processing_output(name, uri) for name, uri in outputs.items()]},
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": settings.processing_instance_type,
                "VolumeSizeInGB": volume_gb(data_bytes),
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": settings.max_job_runtime_s},
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
) -> dict[str, Any]:
    """CreateTrainingJob without name and tags.

    Args:
        channels: name -> s3:// prefix; mounted at `/opt/ml/input/data/{name}`.
        output: s3:// prefix; SageMaker appends `{job}/output/model.tar.gz`.
        checkpoints: s3:// prefix, used where spare capacity is.
        metrics: what the job prints, e.g. `validation:accuracy`.
    """
    body: dict[str, Any] = {
        "AlgorithmSpecification": {
            "TrainingImage": settings.training_image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": name, "Regex": rf"{name}=([-+0-9.eE]+)"} for name in metrics],
        },
        "RoleArn": settings.job_role_arn,
        "HyperParameters": dict(hyperparameters),
        "InputDataConfig": [_channel(name, uri) for name, uri in channels.items()],
        "OutputDataConfig": {"S3OutputPath": output},
        "ResourceConfig": {
            "InstanceCount": 1,
            "InstanceType": settings.training_instance_type,
            "VolumeSizeInGB": volume_gb(data_bytes),
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": settings.max_job_runtime_s},
        "EnableManagedSpotTraining": settings.managed_spot,
        "Environment": dict(variables),
    }
    if settings.managed_spot:
        # Waiting for capacity counts, too: allow as long again.
        body["StoppingCondition"]["MaxWaitTimeInSeconds"] = 2 * settings.max_job_runtime_s
        body["CheckpointConfig"] = {"S3Uri": checkpoints, "LocalPath": "/opt/ml/checkpoints"}
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
