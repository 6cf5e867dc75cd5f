"""A running system, seen from outside: GitHub, AWS, MCP and its processes, as people and agents reach them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import psutil

from twin import environment
from twin.aws.clients import client
from twin.layout import REPOSITORY, Layout

PATIENCE_S = 400.0
_PAUSES_S = (0.3, 1.0)
"""Between two looks, at first and after a while: each look costs the system, and us, some of the processor."""


class BridgeClient:
    """Calls tools of the MCP server as any agent could."""

    def __init__(self, url: str, token: str):
        self.url = url
        self.token = token

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return asyncio.run(self._call(tool, arguments))

    async def _call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        import httpx2
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client

        async with (
            httpx2.AsyncClient(headers={"authorization": f"Bearer {self.token}"}, timeout=30) as http,
            Client(streamable_http_client(self.url, http_client=http)) as client,
        ):
            result = await client.call_tool(tool, arguments)
        if result.is_error:
            raise RuntimeError(f"{tool}: {getattr(result.content[0], 'text', '') if result.content else 'failed'}")
        return result.structured_content or {}


class Visitor:
    """Files issues, looks at runs, and waits for what is to come. Knows nothing of the system's inside."""

    def __init__(self, layout: Layout):
        self.layout = layout
        self.github = httpx.Client(
            base_url=f"{layout.url('github')}/api/v3/repos/{REPOSITORY}",
            headers={"Authorization": f"Bearer {environment.USER_TOKEN}"},
            timeout=30,
        )
        self.bridge = BridgeClient(f"{layout.url('mcp')}/mcp", environment.operator_token(layout))

    def aws(self, service: str) -> Any:
        return client(self.layout.url("aws"), service, environment.REGION)

    def file_issue(self, body: str, labels: list[str] | None = None, title: str = "[MLOps] a test") -> int:
        labels = ["mlops:train"] if labels is None else labels
        reply = self.github.post("/issues", json={"title": title, "body": body, "labels": labels})
        reply.raise_for_status()
        return int(reply.json()["number"])

    def comment(self, issue: int, body: str) -> None:
        self.github.post(f"/issues/{issue}/comments", json={"body": body}).raise_for_status()

    def comments(self, issue: int) -> list[dict[str, Any]]:
        return list(self.github.get(f"/issues/{issue}/comments").json())

    def labels(self, issue: int) -> set[str]:
        return {label["name"] for label in self.github.get(f"/issues/{issue}").json()["labels"]}

    def runs(self, issue: int) -> list[dict[str, Any]]:
        """Records of the issue's runs, oldest first."""
        found = self.bridge.call("list_runs", {"limit": 100})["runs"]
        return sorted((run for run in found if run["issue"] == issue), key=lambda run: run["created_at"])

    def record(self, run_key: str) -> dict[str, Any]:
        return self.bridge.call("get_run", {"run_key": run_key})

    def finished(self, issue: int, runs: int = 1) -> dict[str, Any]:
        """The record of the issue's `runs`-th run, once it is reported; waits for its beginning, then its end."""

        def begun() -> str:
            found = self.runs(issue)
            return str(found[runs - 1]["run_key"]) if len(found) >= runs else ""

        return self.reported(self.eventually(begun, f"run {runs} of issue {issue} began"))

    def reported(self, run_key: str) -> dict[str, Any]:
        """The run's record, once it is reported."""

        def look() -> dict[str, Any] | None:
            record = self.record(run_key)
            return record if record["reported_at"] else None

        return dict(self.eventually(look, f"{run_key} finished"))

    def eventually(self, look: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
        """Poll until `look` gives something true. A moment without service (a restart) is no answer, not a failure.

        Raises AssertionError where it did not come in time.
        """
        deadline = time.monotonic() + patience_s
        pause, longest = _PAUSES_S
        while time.monotonic() < deadline:
            try:
                if found := look():
                    return found
            except (httpx.HTTPError, OSError, ExceptionGroup, RuntimeError):
                pass
            time.sleep(pause)
            pause = min(longest, pause * 1.1)
        raise AssertionError(f"not within {patience_s:.0f} s: {what}")

    def effects(self, operation: str) -> list[dict[str, Any]]:
        """What the AWS twin really did: its own log, not our ledger."""
        reply = httpx.get(f"{self.layout.url('aws')}/twin/effects", params={"operation": operation}, timeout=30)
        return list(reply.json())

    def processes(self, *words: str) -> list[psutil.Process]:
        """Processes of this system whose command line holds every word."""
        found = []
        for process in psutil.process_iter():
            try:
                command = " ".join(process.cmdline())
                ours = process.environ().get(environment.MARK) == str(self.layout.home)
            except psutil.Error:
                continue
            if ours and all(word in command for word in words):
                found.append(process)
        return found
