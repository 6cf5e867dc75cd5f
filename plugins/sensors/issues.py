"""Senses issues that ask for a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from hooks.bridge import BridgeHook
from triggers.issues import IssueTrigger

from mlops.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context


class IssueSensor(BaseSensorOperator):
    """Polls GitHub from the triggerer, from where the last admitted poll ended.

    Returns `{"numbers": [...], "cursor": {...}, "sensed": [began, ended]}`, which AdmitOperator takes.
    """

    template_fields = ()

    def __init__(
        self, *, agent: str, bridge_conn_id: str = "mlops_mcp", github_conn_id: str = "github_default", **options: Any
    ):
        super().__init__(**options)
        self.agent, self.bridge_conn_id, self.github_conn_id = agent, bridge_conn_id, github_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        settings = Settings.from_environment()
        if not settings.github_repository:
            raise AirflowFailException("No repository to watch: set GITHUB_REPOSITORY to owner/name.")
        cursor = BridgeHook(self.bridge_conn_id).call("intake_cursor", {}, self.agent)["cursor"]
        self.defer(
            trigger=IssueTrigger(
                repository=settings.github_repository,
                labels=settings.trigger_labels,
                cursor=cursor,
                interval_s=settings.intake_poll_interval_s,
                github_conn_id=self.github_conn_id,
                hint_queue_url=settings.webhook_queue_url,
            ),
            method_name="found",
        )
        raise AssertionError("defer() does not return")

    def found(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        if "error" in event:
            raise AirflowException(event["error"])
        self.log.info("Issues to look at: %s", ", ".join(f"#{number}" for number in event["numbers"]))
        return event
