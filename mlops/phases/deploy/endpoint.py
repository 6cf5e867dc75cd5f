"""The endpoint itself: looked at, created, updated, weighted, asked for predictions. The only lines that talk to it."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops.aws import Cloud, error_code, error_message, is_missing, translated
from mlops.phases.deploy.traffic import View
from mlops.telemetry import tracing

log = logging.getLogger(__name__)


def look(cloud: Cloud, endpoint: str) -> View:
    """The endpoint as it is now."""
    described = describe(cloud, endpoint)
    if described is None:
        return View()
    return View(
        status=described["EndpointStatus"],
        config=described.get("EndpointConfigName", ""),
        shares=shares(described.get("ProductionVariants", [])),
        failure_reason=described.get("FailureReason", ""),
    )


def describe(cloud: Cloud, endpoint: str) -> dict[str, Any] | None:
    from botocore.exceptions import ClientError

    with translated(f"describe endpoint {endpoint}"):
        try:
            return dict(cloud.sagemaker.describe_endpoint(EndpointName=endpoint))
        except ClientError as error:
            if is_missing(error):
                return None
            raise


def shares(variants: list[dict[str, Any]]) -> dict[str, float]:
    """Percent of requests per variant, from current weights."""
    weights = {one["VariantName"]: float(one.get("CurrentWeight", one.get("DesiredWeight", 0.0))) for one in variants}
    total = sum(weights.values())
    return {name: 100.0 * weight / total if total else 0.0 for name, weight in weights.items()}


def ensure(cloud: Cloud, kind: str, request: Mapping[str, Any]) -> str:
    """Create a `model` or `endpoint_config` unless it exists; names are hashes of content, so it is then the same."""
    from botocore.exceptions import ClientError

    field = {"model": "ModelName", "endpoint_config": "EndpointConfigName"}[kind]
    name = str(request[field])
    with translated(f"create {kind} {name}"):
        try:
            getattr(cloud.sagemaker, f"create_{kind}")(**request)
        except ClientError as error:
            if not _exists_already(error):
                raise
    return name


def create(cloud: Cloud, endpoint: str, config: str, tags: Mapping[str, str]) -> None:
    from botocore.exceptions import ClientError

    with translated(f"create endpoint {endpoint}"):
        try:
            cloud.sagemaker.create_endpoint(
                EndpointName=endpoint,
                EndpointConfigName=config,
                Tags=[{"Key": key, "Value": value[:256]} for key, value in tags.items()],
            )
        except ClientError as error:
            if not _exists_already(error):
                raise
    log.info("Creating endpoint %s with %s", endpoint, config)


def update(cloud: Cloud, endpoint: str, config: str, deployment_config: Mapping[str, Any]) -> bool:
    """Ask for another configuration. False where the endpoint is busy with another change: look again later."""
    from botocore.exceptions import ClientError

    extra = {"DeploymentConfig": deployment_config} if deployment_config else {}
    with translated(f"update endpoint {endpoint}"):
        try:
            cloud.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config, **extra)
        except ClientError as error:
            if _is_busy(error):
                return False
            raise
    log.info("Updating endpoint %s to %s", endpoint, config)
    return True


def delete(cloud: Cloud, endpoint: str) -> None:
    from botocore.exceptions import ClientError

    with translated(f"delete endpoint {endpoint}"):
        try:
            cloud.sagemaker.delete_endpoint(EndpointName=endpoint)
        except ClientError as error:
            if not is_missing(error) and not _is_busy(error):
                raise


def set_weights(cloud: Cloud, endpoint: str, weights: Mapping[str, float]) -> bool:
    """False where the endpoint is busy: look again later."""
    from botocore.exceptions import ClientError

    wanted = [{"VariantName": name, "DesiredWeight": weight} for name, weight in weights.items()]
    with translated(f"move traffic of endpoint {endpoint}"):
        try:
            cloud.sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=endpoint, DesiredWeightsAndCapacities=wanted
            )
        except ClientError as error:
            if _is_busy(error):
                return False
            raise
    log.info("Weights of %s: %s", endpoint, dict(weights))
    return True


def _exists_already(error: BaseException) -> bool:
    text = error_message(error).lower()
    return error_code(error) in {"ValidationException", "ResourceInUse"} and "exist" in text


def _is_busy(error: BaseException) -> bool:
    text = error_message(error).lower()
    return error_code(error) in {"ValidationException", "ResourceInUse"} and (
        "in-progress" in text or "cannot update" in text
    )


OWN_REQUESTS = "mlops-probe"
"""Inference ids of our own requests begin so: data capture keeps the id, and drift is judged without them."""


@dataclass(frozen=True)
class Answer:
    """What one request brought back."""

    ok: bool
    version: str = ""
    variant: str = ""
    latency_ms: float = 0.0
    error: str = ""
    is_server_error: bool = False


def ask(cloud: Cloud, endpoint: str, payload: Mapping[str, Any], variant: str | None = None) -> Answer:
    """One prediction. A refusal is an answer, too: this never raises for what the endpoint says."""
    options = {"TargetVariant": variant} if variant else {}
    with tracing.span("invoke_endpoint", kind=tracing.SpanKind.CLIENT, endpoint=endpoint) as span:
        if parent := tracing.carrier():
            options["CustomAttributes"] = f"traceparent={parent}"
        answer = _answer(cloud, endpoint, payload, options)
        if not answer.ok:
            span.set_status(tracing.Status(tracing.StatusCode.ERROR, "ModelError"))
    return answer


def _answer(cloud: Cloud, endpoint: str, payload: Mapping[str, Any], options: Mapping[str, str]) -> Answer:
    from botocore.exceptions import BotoCoreError, ClientError

    began = time.perf_counter()
    try:
        reply = cloud.runtime.invoke_endpoint(
            EndpointName=endpoint,
            ContentType="application/json",
            Accept="application/json",
            Body=json.dumps(payload).encode(),
            InferenceId=f"{OWN_REQUESTS}-{uuid.uuid4().hex}",
            **options,
        )
        document = json.loads(reply["Body"].read())
    except (ClientError, BotoCoreError, ValueError) as error:
        status = getattr(error, "response", {}).get("OriginalStatusCode", 500)
        return Answer(ok=False, error=str(error)[:500], is_server_error=int(status) >= 500)
    elapsed_ms = 1000 * (time.perf_counter() - began)
    named = document.get("model_version", "") if isinstance(document, dict) else ""
    return Answer(True, str(named), str(reply.get("InvokedProductionVariant", "")), elapsed_ms)
