"""Wait for a SageMaker job, its log lines in the task's log meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from hooks.bridge import BridgeHook, Session, ToolRefused

from triggers.polling import until_ended


def stop_arguments(job: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of stop_job. Stopping a job twice is stopping it once, so its name is key enough."""
    return {"name": job["name"], "kind": job["kind"], "idempotency_key": f"stop/{job['name']}"}


class JobTrigger(BaseTrigger):
    """Fires once, when the job has ended: `{"name", "state", "reason"}`.

    Holds no token and no cursor: after a restart of the triggerer the log is read from the top once more.
    """

    def __init__(self, name: str, kind: str, agent: str, bridge_conn_id: str = "mlops_mcp"):
        super().__init__()
        self.name, self.kind, self.agent, self.bridge_conn_id = name, kind, agent, bridge_conn_id
        self._cursor: str | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "triggers.jobs.JobTrigger", {
            "name": self.name,
            "kind": self.kind,
            "agent": self.agent,
            "bridge_conn_id": self.bridge_conn_id,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            status = await until_ended(self, self._look)
        except ToolRefused as refused:
            status = {"state": "refused", "failure_reason": str(refused)}
        yield TriggerEvent({"name": self.name, "state": status["state"], "reason": status["failure_reason"]})

    async def _look(self, session: Session) -> tuple[dict[str, Any], bool]:
        asked = {"name": self.name, "kind": self.kind, "log_cursor": self._cursor}
        status = await session.call("follow_job", asked)
        for line in status["log_lines"]:
            self.log.info("%s", line)
        self._cursor = status["log_cursor"] or self._cursor
        return status, status["state"] != "running"

    async def on_kill(self) -> None:
        """A person marked or cleared the waiting task: the job must not go on costing."""
        self.log.info("Stopping %s", self.name)
        await BridgeHook(self.bridge_conn_id, patience_s=15).acall("stop_job", stop_arguments(vars(self)), self.agent)
