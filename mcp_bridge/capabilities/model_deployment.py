"""Phase `deploy`: endpoints change, prove what answers, and go back when it is worse."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from mcp_bridge.tools import IdempotencyKey, RunKey, Tools
from mlops.handles import Deployment, DeploymentStatus, Submission

EndpointName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$", description="E.g. `mlops-xgboost-wine`; list_watched names them."
    ),
]


class Endpoint(BaseModel):
    endpoint: str
    description: dict[str, Any] = Field(description="State, configuration, traffic per variant, versions, scaling.")


class Predictions(BaseModel):
    model_version: str = ""
    predictions: list[dict[str, Any]] = Field(description="One an instance, in order.")


def register(tools: Tools) -> None:
    @tools.effect("Start deployment", reported=True)
    def start_deployment(run_key: RunKey, idempotency_key: IdempotencyKey) -> Submission:
        """Create or update the model's endpoint with the run's version, by the issue's strategy.

        Then follow_deployment until `state` is not `changing`, then confirm_deployment. `skipped`: nothing to deploy.
        """
        from mlops.phases import deploy

        return deploy.start(tools.services, run_key)

    @tools.effect("Follow a deployment")
    def follow_deployment(run_key: RunKey, idempotency_key: IdempotencyKey) -> DeploymentStatus:
        """One look at a changing endpoint; moves a canary's traffic on when its step was judged good.

        Ask again after `poll_after_s` seconds with a new idempotency_key until `state` is `done` or `failed`.
        """
        from mlops.phases import deploy

        return deploy.follow(tools.services, run_key)

    @tools.effect("Confirm a deployment", reported=True)
    def confirm_deployment(run_key: RunKey, idempotency_key: IdempotencyKey) -> Deployment:
        """Prove by a real request that the run's version answers, then set auto scaling. Next: open_watch.

        platform_fault or user_fault: the endpoint was rolled back and serves what it served before.
        """
        from mlops.phases import deploy

        return deploy.confirm(tools.services, run_key)

    @tools.effect("Roll back an endpoint", destructive=True)
    def roll_back(endpoint: EndpointName, idempotency_key: IdempotencyKey) -> Deployment:
        """Put the version that served before back on an endpoint. Use it when the current one misbehaves."""
        from mlops.phases import deploy

        done = deploy.roll_back(tools.services, endpoint)
        tools.reporter.soon(deploy.taken_back(tools.services, endpoint))
        return done

    @tools.effect("Promote the challenger", destructive=True)
    def promote(endpoint: EndpointName, idempotency_key: IdempotencyKey) -> Deployment:
        """End an A/B test in favour of the challenger: it gets all traffic. roll_back ends it the other way."""
        from mlops.phases import deploy

        return deploy.promote(tools.services, endpoint)

    @tools.read("Describe an endpoint")
    def describe_endpoint(endpoint: EndpointName) -> Endpoint:
        """What an endpoint serves now: state, versions, traffic shares, scaling."""
        from mlops.phases import deploy

        return Endpoint(endpoint=endpoint, description=deploy.describe(tools.services, endpoint))

    @tools.read("Ask for predictions")
    def predict(
        endpoint: EndpointName,
        instances: Annotated[
            list[Any],
            Field(min_length=1, max_length=1000, description="Rows: {column: value}, or lists in column order."),
        ],
    ) -> Predictions:
        """Predictions of the serving model for raw, unprepared rows. The columns are in the model's API document."""
        from mlops.phases import deploy

        return Predictions.model_validate(deploy.predict(tools.services, endpoint, instances))
