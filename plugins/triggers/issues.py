"""Wait until an issue with a trigger label appears or changes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from hooks.bearer import bearer
from hooks.github_issues import GitHubRefused, IssuePoll, Later
from hooks.hints import hint

from triggers.polling import settled

_LONGEST_PAUSE_S = 900.0


class IssueTrigger(BaseTrigger):
    """Fires once: `{"numbers": [...], "cursor": {...}, "sensed": [began, ended]}`, or `{"error": ...}` where GitHub
    refuses for good. `sensed` are the moments of the look that found something, in seconds since 1970.

    The connection's host is the API's address, its password the token; both are read here, never stored.
    """

    def __init__(
        self,
        repository: str,
        labels: Sequence[str],
        cursor: dict[str, Any] | None,
        interval_s: float,
        github_conn_id: str = "github_default",
        batch: int = 25,
        hint_queue_url: str = "",
    ):
        super().__init__()
        self.repository, self.labels, self.cursor = repository, list(labels), cursor
        self.interval_s, self.github_conn_id, self.batch = interval_s, github_conn_id, batch
        self.hint_queue_url = hint_queue_url
        self._looked_at = 0.0

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "triggers.issues.IssueTrigger", {
            "repository": self.repository,
            "labels": self.labels,
            "cursor": self.cursor,
            "interval_s": self.interval_s,
            "github_conn_id": self.github_conn_id,
            "batch": self.batch,
            "hint_queue_url": self.hint_queue_url,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        import httpx

        # One line a poll would fill the task's log.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        began = time.monotonic()
        connection = await BaseHook.aget_connection(self.github_conn_id)
        try:
            authorization = bearer(connection.password, self.github_conn_id)
        except AirflowFailException as unusable:
            yield TriggerEvent({"error": str(unusable)})
            return
        headers = {
            "authorization": authorization,
            "accept": "application/vnd.github+json",
            "x-github-api-version": "2022-11-28",
            "user-agent": "mlops-intake",
        }
        address = (connection.host or "https://api.github.com").rstrip("/") + "/"
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=30, follow_redirects=True) as http:
            poll = IssuePoll.from_cursor(http, self.repository, self.labels, self.cursor, self.batch)
            try:
                numbers = await self._first_change(poll)
            except GitHubRefused as refused:
                event: dict[str, Any] = {"error": str(refused)}
            else:
                await settled(began)
                event = {"numbers": numbers, "cursor": poll.cursor, "sensed": [self._looked_at, time.time()]}
        yield TriggerEvent(event)

    async def _first_change(self, poll: IssuePoll) -> list[int]:
        failures = 0
        while True:
            self._looked_at = time.time()
            try:
                if numbers := await poll.look():
                    return numbers
                failures = 0
                # What the rate limit asks for is waited for; only the rest of our own interval may be cut short.
                await asyncio.sleep(poll.pause_s)
                await hint(self.hint_queue_url, self.interval_s - poll.pause_s)
            except Later as later:
                pause = min(_LONGEST_PAUSE_S, later.seconds * 2**failures)
                failures = min(failures + 1, 6)
                self.log.warning("%s; next look in %.0f s", later, pause)
                await asyncio.sleep(pause)
