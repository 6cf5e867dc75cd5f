"""`deploy`: from a packaged version to one that is proved to answer, by the strategy that the issue asks for."""

from __future__ import annotations

from typing import Any

from mlops import endpoints
from mlops.errors import RequestRefused
from mlops.phases.deploy import endpoint as live
from mlops.phases.deploy.approval import approve
from mlops.phases.deploy.begin import start
from mlops.phases.deploy.proof import confirm
from mlops.phases.deploy.rollback import promote, roll_back, taken_back
from mlops.phases.deploy.steps import follow
from mlops.services import Services

__all__ = ["approve", "confirm", "describe", "follow", "predict", "promote", "roll_back", "start", "taken_back"]


def describe(services: Services, endpoint: str) -> dict[str, Any]:
    """What stands, and what the ledger knows: status, configuration, traffic, serving and earlier version."""
    record = endpoints.require(services.ledger, endpoint)
    view = live.look(services.cloud, endpoint)
    return {
        "endpoint": endpoint,
        "status": view.status or "missing",
        "config": view.config,
        "traffic": {name: round(share, 1) for name, share in view.shares.items()},
        "failure_reason": view.failure_reason,
        **record.model_dump(mode="json", exclude={"endpoint", "token", "token_run"}),
    }


def predict(services: Services, endpoint: str, instances: list[Any]) -> dict[str, Any]:
    """Ask the endpoint. Raises RequestRefused with the endpoint's own words where it refuses."""
    import json

    from botocore.exceptions import ClientError

    from mlops.aws import error_code, translated

    with translated(f"ask endpoint {endpoint}"):
        try:
            reply = services.cloud.runtime.invoke_endpoint(
                EndpointName=endpoint,
                ContentType="application/json",
                Accept="application/json",
                Body=json.dumps({"instances": instances}).encode(),
            )
        except ClientError as error:
            if error_code(error) != "ModelError" or int(error.response.get("OriginalStatusCode", 500)) >= 500:
                raise
            raise RequestRefused(str(error.response.get("OriginalMessage", error))[:1000]) from error
    document = json.loads(reply["Body"].read())
    return document if isinstance(document, dict) else {"predictions": document}
