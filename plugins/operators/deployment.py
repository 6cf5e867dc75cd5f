"""Change an endpoint, wait until its traffic has moved, prove what answers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from triggers.deployments import DeploymentTrigger

from operators.bridge import BridgeOperator, of_this_run

if TYPE_CHECKING:
    from airflow.sdk import Context

LIMIT = timedelta(hours=4)
"""The longest canary: SageMaker takes minutes for an instance, and each traffic step bakes."""


class DeploymentOperator(BridgeOperator):
    """start_deployment, follow_deployment until it ended, confirm_deployment."""

    def execute(self, context: Context) -> dict[str, Any]:
        submission = self.call(context, "start_deployment", each_try=True)
        if submission["job"] is None:
            self.log.info("Nothing to deploy: %s", submission["skipped"])
            return self.call(context, "confirm_deployment")
        self.defer(
            trigger=DeploymentTrigger(
                run_key=of_this_run(context)["run_key"], agent=self.agent, bridge_conn_id=self.bridge_conn_id
            ),
            method_name="confirm",
            timeout=LIMIT,
        )
        raise AssertionError("defer() does not return")

    def confirm(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        self.log.info("%s: %s %s", event["endpoint"], event["state"], event["detail"])
        return self.call(context, "confirm_deployment")
