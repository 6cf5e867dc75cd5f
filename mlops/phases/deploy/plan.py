"""What a deployment asks for: models, endpoint configurations, variants and weights, as pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mlops import keys
from mlops.endpoints import Serving
from mlops.handles import ModelVersion
from mlops.identity import bounded_name, digest, slug
from mlops.phases import placement
from mlops.phases.run import Run
from mlops.settings import Settings
from mlops.telemetry import tracing

Strategy = Literal["blue_green", "all_at_once", "canary", "ab_test"]

CANARY_STEPS = (10, 50, 100)
"""Percent of requests that the new version gets, one step after the other, each judged."""
DEPLOYMENT_TIMEOUT_S = 1800


class Base(BaseModel):
    """What stood on the endpoint before this deployment touched it; a rollback returns there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: str | None = Field(None, description="EndpointConfig name; None: there was no endpoint.")
    serving: Serving | None = None


class Goal(BaseModel):
    """Where a deployment is going."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str
    strategy: Strategy
    new_variant: str
    old_variant: str | None = None
    final_config: str = Field(description="The configuration that the endpoint shall end with.")
    step_config: str | None = Field(None, description="Both variants side by side; None where there is no old one.")
    base: Base = Base()

    @property
    def is_stepwise(self) -> bool:
        return self.strategy == "canary" and self.step_config is not None


def skip_reason(run: Run) -> str | None:
    """Why this run does not deploy, or None where it does."""
    record = run.record
    if not record.may_deploy:
        return "This run trains on the data of an earlier moment and may not deploy."
    if run.spec.deployment.target == "none":
        return "The issue asks for no deployment (deployment.target: none)."
    decision = (record.verdict or {}).get("decision")
    if decision == "keep_champion":
        return "The serving model is better and stays."
    if decision != "deploy":
        return f"The model was not accepted ({decision or 'no verdict'})."
    return None


def variant_name(version: str) -> str:
    """One variant a version, so that metrics and weights belong to a version: `v1.2.0` -> `v1-2-0`."""
    return slug(version)


def model_request(settings: Settings, run: Run, packaged: ModelVersion) -> dict[str, Any]:
    """CreateModel. The name holds a hash of the content: what exists under it is what we ask for."""
    traced = {tracing.URL: settings.traces_url} if settings.traces_url else {}
    content = {
        "PrimaryContainer": {
            "Image": placement.inference_image(settings, run.spec.deployment.instance_type),
            "ModelDataUrl": packaged.model_uri,
            "Environment": {"MLOPS_MODEL_VERSION": packaged.version, "MLOPS_RUN_KEY": run.key, **traced},
        },
        "ExecutionRoleArn": settings.job_role_arn,
        **placement.network(settings),
    }
    name = bounded_name(run.endpoint, packaged.version, digest([content, packaged.sha256], 8))
    return {"ModelName": name, **content, "Tags": _tags(run.key, packaged.version)}


def variant(name: str, model: str, instance_type: str, instances: int, weight: float) -> dict[str, Any]:
    return {
        "VariantName": name,
        "ModelName": model,
        "InstanceType": instance_type,
        "InitialInstanceCount": instances,
        "InitialVariantWeight": weight,
    }


def config_request(
    settings: Settings, endpoint: str, run_key: str, version: str, variants: list[dict[str, Any]]
) -> dict[str, Any]:
    """CreateEndpointConfig, named after its content."""
    # One key for all variants: it can be named only where none of their machines has disks of its own.
    keyed = [placement.volume_key(settings, one["InstanceType"], "KmsKeyId") for one in variants]
    content: dict[str, Any] = {"ProductionVariants": variants, **(keyed[0] if all(keyed) else {})}
    if settings.data_capture_percent > 0:
        content["DataCaptureConfig"] = capture_config(settings, endpoint)
    name = bounded_name(endpoint, version, digest(content, 8))
    return {"EndpointConfigName": name, **content, "Tags": _tags(run_key, version)}


def capture_config(settings: Settings, endpoint: str) -> dict[str, Any]:
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": settings.data_capture_percent,
        "DestinationS3Uri": keys.uri(settings.bucket, keys.capture_prefix(endpoint)).rstrip("/"),
        **placement.output_key(settings),
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        # Without it SageMaker keeps the bodies in Base64.
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
    }


def first_weights(strategy: Strategy) -> tuple[float, float]:
    """(old, new) weights of the side-by-side configuration."""
    return (50.0, 50.0) if strategy == "ab_test" else (100.0 - CANARY_STEPS[0], float(CANARY_STEPS[0]))


def deployment_config(settings: Settings, strategy: Strategy, alarms: list[str]) -> dict[str, Any]:
    """`DeploymentConfig` of UpdateEndpoint: SageMaker itself goes back when one of our alarms rings meanwhile."""
    if strategy != "blue_green":
        return {}
    policy: dict[str, Any] = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": settings.bake_s,
            "MaximumExecutionTimeoutInSeconds": DEPLOYMENT_TIMEOUT_S,
        }
    }
    if alarms:
        policy["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms[:10]]}
    return policy


def probe(features: Mapping[str, Any]) -> dict[str, Any]:
    """A request that the model must answer: one typical row in raw units, or one small picture."""
    if features.get("task") == "object_detection":
        return {"instances": [{"b64": column["example"]} for column in features["columns"]]}
    row = {
        column["name"]: column["example"] if column.get("example") is not None else column.get("fill")
        for column in features["columns"]
    }
    return {"instances": [row]}


def _tags(run_key: str, version: str) -> list[dict[str, str]]:
    return [{"Key": "mlops:run-key", "Value": run_key[:256]}, {"Key": "mlops:version", "Value": version}]
