"""Where jobs and endpoints run, in which image, and what encrypts their disks and results: from the settings."""

from __future__ import annotations

import re
from typing import Any

from mlops.settings import Settings

_OWN_DISKS = re.compile(r"ml\.(?:[a-z]+\d+[a-z]*d[a-z]*|g[5-9]\w*|p5\w*|trn1\w*)\.")
"""Machines with disks of their own (g4dn, m5d, g5, ...): their hardware encrypts these, and SageMaker takes no key."""

_WITH_GPU = re.compile(r"ml\.[gp]\d")


def inference_image(settings: Settings, instance_type: str) -> str:
    """The image that serves on this machine."""
    return settings.gpu_inference_image if _WITH_GPU.match(instance_type) else settings.inference_image


def network(settings: Settings) -> dict[str, Any]:
    """`VpcConfig` of a training job or a model; empty where the settings name no subnets."""
    if not settings.job_subnets:
        return {}
    groups = list(settings.job_security_groups)
    return {"VpcConfig": {"Subnets": list(settings.job_subnets), "SecurityGroupIds": groups}}


def processing_network(settings: Settings) -> dict[str, Any]:
    """The same where a processing job has it."""
    inner = network(settings)
    return {"NetworkConfig": inner} if inner else {}


def volume_key(settings: Settings, instance_type: str, member: str = "VolumeKmsKeyId") -> dict[str, str]:
    """The key of a machine's disk; `member` is what the request calls it."""
    if not settings.job_kms_key or _OWN_DISKS.match(instance_type):
        return {}
    return {member: settings.job_kms_key}


def output_key(settings: Settings) -> dict[str, str]:
    """The key of what is written to S3."""
    return {"KmsKeyId": settings.job_kms_key} if settings.job_kms_key else {}
