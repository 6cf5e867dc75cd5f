"""Webhook delivery: signed, queued in the store, tried again, logged; survives a restart."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
import time
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import httpx

from twin.github.models import Delivery, Hook, Repository
from twin.github.store import Store

log = logging.getLogger("twin.github.webhooks")

TIMEOUT_S = 10.0
PAUSES_S = (0.5, 2.0, 8.0)
"""Before the second, third and fourth try. (GitHub itself tries once; ours is kinder to a receiver that restarts.)"""


class Deliverer:
    """Sends the queued deliveries of all hooks from one background task of the server's loop."""

    def __init__(self, store: Store, pauses_s: Sequence[float]) -> None:
        self._store = store
        self._pauses_s = pauses_s
        self._task: asyncio.Task[None] | None = None
        self._news: asyncio.Event | None = None

    # --- queueing

    def queue(self, repository: Repository, event: str, action: str | None, payload: dict[str, Any]) -> None:
        sql = "SELECT * FROM hooks WHERE repository_id = ? AND active = 1"
        for hook in self._store.all(Hook, sql, repository.id):
            wanted = hook.events.split(",")
            if event in wanted or "*" in wanted:
                self.queue_one(hook, event, action, json.dumps(payload))

    def queue_one(self, hook: Hook, event: str, action: str | None, payload: str, guid: str = "") -> int:
        """Returns the delivery's id. A redelivery carries the guid of the first."""
        id = self._store.insert(
            "deliveries", hook_id=hook.id, guid=guid or str(uuid.uuid4()), event=event, action=action, payload=payload,
            state="pending", due_at=time.time(), redelivery=int(bool(guid)),
        )  # fmt: skip
        self.wake()
        return id

    # --- sending

    def wake(self) -> None:
        """Start the sender, or tell it that there is work. Outside a running loop the next request does it."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._news = asyncio.Event()
            self._task = loop.create_task(self._send_all(self._news))
        if self._news:
            self._news.set()

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._task = None

    async def _send_all(self, news: asyncio.Event) -> None:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client:
            while True:
                news.clear()
                sql = "SELECT * FROM deliveries WHERE state = 'pending' AND due_at <= ? ORDER BY id LIMIT 20"
                due = self._store.all(Delivery, sql, time.time())
                await asyncio.gather(*(self._send(client, delivery) for delivery in due))
                if not due:
                    await self._rest(news)

    async def _rest(self, news: asyncio.Event) -> None:
        first = self._store.value("SELECT MIN(due_at) FROM deliveries WHERE state = 'pending'")
        pause = None if first is None else max(0.0, first - time.time())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), pause)

    async def _send(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        hook = self._store.one(Hook, "SELECT * FROM hooks WHERE id = ?", delivery.hook_id)
        if hook is None:
            self._store.update("deliveries", delivery.id, state="failed", status="hook deleted")
            return
        body = encode(hook, delivery.payload)
        headers = request_headers(hook, delivery, body)
        started = time.monotonic()
        try:
            reply = await client.post(hook.url, content=body, headers=headers)
            code, status = reply.status_code, "OK" if reply.is_success else reply.reason_phrase or "failed"
            answer, answer_headers = reply.text[:10_000], dict(reply.headers)
        except httpx.HTTPError as failure:
            log.info("Delivery %s of %s to %s failed: %r", delivery.guid, delivery.event, hook.url, failure)
            code, status, answer, answer_headers = 0, f"failed to connect: {type(failure).__name__}", "", {}
        attempts = delivery.attempts + 1
        again = not 200 <= code < 300 and attempts <= len(self._pauses_s)
        self._store.update(
            "deliveries", delivery.id, attempts=attempts, duration_s=time.monotonic() - started,
            state="pending" if again else "delivered" if 200 <= code < 300 else "failed",
            due_at=time.time() + (self._pauses_s[attempts - 1] if again else 0), delivered_at=self._store.now(),
            status_code=code, status=status, request_headers=json.dumps(headers),
            response_headers=json.dumps(answer_headers), response_body=answer,
        )  # fmt: skip


def encode(hook: Hook, payload: str) -> bytes:
    return payload.encode() if hook.content_type == "json" else urlencode({"payload": payload}).encode()


def request_headers(hook: Hook, delivery: Delivery, body: bytes) -> dict[str, str]:
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json" if hook.content_type == "json" else "application/x-www-form-urlencoded",
        "User-Agent": "GitHub-Hookshot/twin",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(hook.repository_id),
        "X-GitHub-Hook-Installation-Target-Type": "repository",
    }
    if hook.secret:
        headers["X-Hub-Signature"] = "sha1=" + hmac.new(hook.secret.encode(), body, hashlib.sha1).hexdigest()
        headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
    return headers
