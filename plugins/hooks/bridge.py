"""The way from Airflow to the lifecycle: one MCP tool call, as one of the agents."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException

from hooks.bearer import bearer

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from mcp import Client

RETRIED = frozenset({"unavailable", "platform_fault", "internal"})
"""Words after which another try may succeed; every other one ends the task at once."""

# An MCP server that is not ours may put its own words in front.
_WORD = re.compile(r"^(?:Error executing tool \w+: )?\[(?P<word>[a-z_]+)\] ")


class ToolRefused(AirflowFailException):
    """The tool said no for a reason that another try does not change."""


class ToolFailed(AirflowException):
    """The tool met a fault that another try may not meet."""


class BridgeUnreachable(AirflowException):
    """No MCP server answered, or the connection broke before the answer came."""


@dataclass(frozen=True)
class Address:
    """Where the bridge is and what each agent shows it."""

    url: str
    tokens: dict[str, str]

    @classmethod
    def of(cls, connection: Connection) -> Address:
        extra = connection.extra_dejson
        url = extra.get("url") or f"{connection.schema or 'http'}://{connection.host}:{connection.port or 80}/mcp"
        return cls(url, dict(extra.get("tokens", {})))

    @classmethod
    def from_environment(cls) -> Address:
        if "MCP_URL" not in os.environ:
            raise AirflowNotFoundException(
                "Set up connection mlops_mcp, or MCP_URL and MCP_TOKENS, to reach the bridge."
            )
        return cls(os.environ["MCP_URL"], json.loads(os.environ.get("MCP_TOKENS", "{}")))

    def token(self, agent: str) -> str:
        if agent not in self.tokens:
            raise ToolRefused(f"Connection mlops_mcp holds no token for agent {agent!r}; mint one and add it.")
        return self.tokens[agent]


class BridgeHook(BaseHook):
    """Calls tools of the MCP bridge. Connection extra: `{"url": ".../mcp", "tokens": {agent: token}}`.

    Where the connection does not exist, `MCP_URL` and `MCP_TOKENS` (JSON) are read. A call that gets no answer is
    sent again with the same arguments, so with the same idempotency key, for `patience_s` seconds.
    """

    conn_name_attr = "bridge_conn_id"
    default_conn_name = "mlops_mcp"
    conn_type = "http"
    hook_name = "MLOps MCP bridge"

    def __init__(self, conn_id: str = default_conn_name, *, patience_s: float = 60.0):
        super().__init__()
        self.conn_id = conn_id
        self.patience_s = patience_s

    def call(self, tool: str, arguments: dict[str, Any], agent: str) -> dict[str, Any]:
        """The tool's structured answer.

        Raises:
            ToolRefused: it said no, and would again. ToolFailed: another try may succeed.
            BridgeUnreachable: no server answered within the patience.
        """
        try:
            address = Address.of(self.get_connection(self.conn_id))
        except AirflowNotFoundException:
            address = Address.from_environment()
        return asyncio.run(self._patiently(address, tool, arguments, agent))

    async def acall(self, tool: str, arguments: dict[str, Any], agent: str) -> dict[str, Any]:
        """`call`, for triggers."""
        return await self._patiently(await self._address(), tool, arguments, agent)

    @asynccontextmanager
    async def session(self, agent: str) -> AsyncIterator[Session]:
        """One connection for many calls; BridgeUnreachable when it breaks, then open another."""
        async with _connected(await self._address(), agent) as session:
            yield session

    async def _address(self) -> Address:
        try:
            return Address.of(await self.aget_connection(self.conn_id))
        except AirflowNotFoundException:
            return Address.from_environment()

    async def _patiently(self, address: Address, tool: str, arguments: dict[str, Any], agent: str) -> dict[str, Any]:
        deadline, pause = time.monotonic() + self.patience_s, 0.5
        while True:
            try:
                async with _connected(address, agent) as session:
                    return await session.call(tool, arguments)
            except BridgeUnreachable as lost:
                if time.monotonic() + pause > deadline:
                    raise
                self.log.warning("%s; trying again in %.1f s", lost, pause)
            await asyncio.sleep(pause)
            pause = min(5.0, pause * 2)


@dataclass(frozen=True)
class Session:
    """An open connection, as one agent."""

    client: Client

    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        # Asking for progress keeps the stream alive, so that a silent minute means a dead server.
        answer = await self.client.call_tool(tool, arguments, progress_callback=_ignore)
        if answer.is_error:
            raise _failure(" ".join(getattr(part, "text", "") for part in answer.content))
        return dict(answer.structured_content or {})


async def _ignore(progress: float, total: float | None, message: str | None) -> None:
    return None


@asynccontextmanager
async def _connected(address: Address, agent: str) -> AsyncIterator[Session]:
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    # One line a request would drown the job's own lines in the task's log.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    refusals: list[httpx2.Response] = []

    async def watch(reply: httpx2.Response) -> None:
        if reply.status_code in (401, 403, 413, 421):
            refusals.append(reply)

    headers = {"authorization": bearer(address.token(agent), "mlops_mcp")}
    try:
        async with (
            httpx2.AsyncClient(
                headers=headers, timeout=httpx2.Timeout(60.0, connect=5.0), event_hooks={"response": [watch]}
            ) as http,
            Client(streamable_http_client(address.url, http_client=http)) as client,
        ):
            yield Session(client)
    except Exception as error:
        # The SDK's task groups wrap everything, ours included.
        for leaf in _leaves(error):
            if isinstance(leaf, AirflowException):
                raise leaf from None
        if refusals:
            raise ToolRefused(
                f"{address.url} refused agent {agent} with HTTP {refusals[0].status_code}: "
                "check the token in connection mlops_mcp and the server's allowed hosts."
            ) from error
        raise BridgeUnreachable(f"{address.url} gave no answer: {_told(error)}") from error


def _failure(text: str) -> AirflowException:
    found = _WORD.match(text)
    word = found["word"] if found else "internal"
    return (ToolFailed if word in RETRIED else ToolRefused)(text)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    for inner in getattr(error, "exceptions", None) or (error,):
        if inner is error:
            yield error
        else:
            yield from _leaves(inner)


def _told(error: BaseException) -> str:
    return "; ".join(f"{type(leaf).__name__} {leaf}".strip() for leaf in _leaves(error))
