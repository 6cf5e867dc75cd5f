"""Asking the bridge again and again: what all waiting has in common."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from hooks import telemetry
from hooks.bridge import BridgeHook, BridgeUnreachable, Session, ToolFailed

_PAUSE_S = 3.0
SETTLE_S = 2.0
"""No trigger fires sooner: the scheduler hears of the end of the process that deferred up to a second late, and where
the task is queued again by then it takes that news for the end of the second process and fails the task."""


class Waiting(Protocol):
    """A trigger that asks the bridge."""

    bridge_conn_id: str
    agent: str

    @property
    def log(self) -> Any: ...

    @property
    def task_instance(self) -> Any: ...


Look = Callable[[Session], Awaitable[tuple[dict[str, Any], bool]]]


async def settled(began: float) -> None:
    """Wait until SETTLE_S after `began` (time.monotonic)."""
    await asyncio.sleep(max(0.0, began + SETTLE_S - time.monotonic()))


async def until_ended(trigger: Waiting, look: Look) -> dict[str, Any]:
    """Call `look` until it says (answer, True); waits as long as the answer's `poll_after_s` asks.

    A server that is away or at fault is waited for: the job runs on without us. What a tool refuses is raised.

    Args:
        trigger: whose connection and agent are used, and whose task waits.
    """
    with telemetry.waiting(trigger.task_instance, trigger.agent):
        return await _until_ended(trigger.bridge_conn_id, trigger.agent, look, trigger.log)


async def _until_ended(conn_id: str, agent: str, look: Look, log: Any) -> dict[str, Any]:
    began = time.monotonic()
    while True:
        try:
            async with BridgeHook(conn_id).session(agent) as session:
                while True:
                    answer, ended = await look(session)
                    if ended:
                        await settled(began)
                        return answer
                    await asyncio.sleep(answer["poll_after_s"])
        except (BridgeUnreachable, ToolFailed) as trouble:
            log.warning("%s; asking again in %.0f s", trouble, _PAUSE_S)
        await asyncio.sleep(_PAUSE_S)
