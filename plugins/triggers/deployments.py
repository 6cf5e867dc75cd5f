"""Wait for an endpoint to change, moving its traffic on step by step."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from hooks.bridge import Session, ToolRefused

from triggers.polling import until_ended


class DeploymentTrigger(BaseTrigger):
    """Fires once, when the deployment is done or has failed: `{"endpoint", "state", "detail"}`."""

    def __init__(self, run_key: str, agent: str, bridge_conn_id: str = "mlops_mcp"):
        super().__init__()
        self.run_key, self.agent, self.bridge_conn_id = run_key, agent, bridge_conn_id
        self._seen = ""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "triggers.deployments.DeploymentTrigger", {
            "run_key": self.run_key,
            "agent": self.agent,
            "bridge_conn_id": self.bridge_conn_id,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            status = await until_ended(self, self._look)
        except ToolRefused as refused:
            status = {"endpoint": self.run_key, "state": "failed", "detail": str(refused)}
        yield TriggerEvent({name: status[name] for name in ("endpoint", "state", "detail")})

    async def _look(self, session: Session) -> tuple[dict[str, Any], bool]:
        # Each look is an intention of its own: an old answer would say nothing about now.
        key = f"follow/{self.run_key}/{uuid.uuid4().hex}"
        status = await session.call("follow_deployment", {"run_key": self.run_key, "idempotency_key": key})
        self._tell(status)
        return status, status["state"] != "changing"

    def _tell(self, status: dict[str, Any]) -> None:
        shares = ", ".join(f"{variant} {share:.0f} %" for variant, share in status["traffic"].items())
        news = " ".join(part for part in (status["endpoint"], status["detail"], shares and f"({shares})") if part)
        if news != self._seen:
            self.log.info("%s", news)
            self._seen = news
