"""Asking the bridge again and again: what all waiting has in common."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from hooks.bridge import BridgeHook, BridgeUnreachable, Session, ToolFailed

_PAUSE_S = 3.0

Look = Callable[[Session], Awaitable[tuple[dict[str, Any], bool]]]


async def until_ended(conn_id: str, agent: str, look: Look, log: logging.Logger) -> dict[str, Any]:
    """Call `look` until it says (answer, True); waits as long as the answer's `poll_after_s` asks.

    A server that is away or at fault is waited for: the job runs on without us. What a tool refuses is raised.
    """
    while True:
        try:
            async with BridgeHook(conn_id).session(agent) as session:
                while True:
                    answer, ended = await look(session)
                    if ended:
                        return answer
                    await asyncio.sleep(answer["poll_after_s"])
        except (BridgeUnreachable, ToolFailed) as trouble:
            log.warning("%s; asking again in %.0f s", trouble, _PAUSE_S)
        await asyncio.sleep(_PAUSE_S)
