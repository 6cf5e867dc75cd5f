"""Auto scaling of an endpoint's variant: how many instances, and by which measure."""

from __future__ import annotations

from typing import Any

from mlops.aws import Cloud, is_missing, translated
from mlops.spec.model import AutoScaling

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def resource_id(endpoint: str, variant: str) -> str:
    return f"endpoint/{endpoint}/variant/{variant}"


def policy(endpoint: str, variant: str, wanted: AutoScaling) -> dict[str, Any] | None:
    """PutScalingPolicy, or None where the issue names no measure."""
    if wanted.target_invocations_per_instance is not None:
        name, tracking = "invocations", {
            "TargetValue": float(wanted.target_invocations_per_instance),
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        }  # fmt: skip
    elif wanted.target_latency_ms is not None:
        name, tracking = "latency", {
            "TargetValue": 1000.0 * wanted.target_latency_ms,  # ModelLatency is in microseconds
            "CustomizedMetricSpecification": {
                "Namespace": "AWS/SageMaker",
                "MetricName": "ModelLatency",
                "Statistic": "Average",
                "Unit": "Microseconds",
                "Dimensions": [
                    {"Name": "EndpointName", "Value": endpoint},
                    {"Name": "VariantName", "Value": variant},
                ],
            },
        }  # fmt: skip
    else:
        return None
    return {
        "PolicyName": f"mlops-{name}",
        "ServiceNamespace": "sagemaker",
        "ResourceId": resource_id(endpoint, variant),
        "ScalableDimension": _DIMENSION,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {**tracking, "ScaleInCooldown": 300, "ScaleOutCooldown": 60},
    }


def apply(cloud: Cloud, endpoint: str, variant: str, wanted: AutoScaling | None) -> str:
    """Set it up, or take it away where nothing is wanted. Returns a sentence for the report."""
    if wanted is None:
        remove(cloud, endpoint, variant)
        return ""
    with translated(f"set auto scaling of {endpoint}"):
        cloud.autoscaling.register_scalable_target(
            ServiceNamespace="sagemaker",
            ResourceId=resource_id(endpoint, variant),
            ScalableDimension=_DIMENSION,
            MinCapacity=wanted.min_instances,
            MaxCapacity=wanted.max_instances,
        )
        request = policy(endpoint, variant, wanted)
        if request:
            cloud.autoscaling.put_scaling_policy(**request)
    return sentence(wanted)


def sentence(wanted: AutoScaling) -> str:
    span = f"{wanted.min_instances} to {wanted.max_instances} instances"
    if wanted.target_invocations_per_instance is not None:
        return f"{span}, {wanted.target_invocations_per_instance:g} requests per instance and minute"
    if wanted.target_latency_ms is not None:
        return f"{span}, {wanted.target_latency_ms:g} ms mean latency"
    return span


def remove(cloud: Cloud, endpoint: str, variant: str) -> None:
    """SageMaker refuses to take away a variant that is still a scalable target."""
    from botocore.exceptions import ClientError

    with translated(f"remove auto scaling of {endpoint}"):
        try:
            cloud.autoscaling.deregister_scalable_target(
                ServiceNamespace="sagemaker", ResourceId=resource_id(endpoint, variant), ScalableDimension=_DIMENSION
            )
        except ClientError as error:
            if not is_missing(error) and "ObjectNotFound" not in str(error):
                raise
