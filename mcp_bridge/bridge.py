"""The MCP server class: scopes before arguments, errors with a remedy, one log line a call."""

from __future__ import annotations

import logging
import time
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.types import Tool as ListedTool

from mcp_bridge import agents, faults
from mcp_bridge.auth import Caller, caller
from mcp_bridge.reporting import Reporter

log = logging.getLogger("mcp_bridge.calls")


class Bridge(MCPServer):
    """Tools belong to capabilities, and a caller sees and calls only those that its scopes hold."""

    def __init__(self, *, reporter: Reporter, local: Caller | None = None, **options: Any):
        """`local` is the caller where there is no HTTP request (stdio, in-memory); None refuses such calls."""
        super().__init__("mlops", **options)
        self._local = local
        self.reporter = reporter
        self.capability_of: dict[str, str] = {}
        # Calls wait for AWS and GitHub, not for the processor; anyio's 40 would queue the polls of 20 runs.
        self.threads = anyio.CapacityLimiter(200)

    def caller(self) -> Caller | None:
        return caller(self._local)

    async def list_tools(self) -> list[ListedTool]:
        return [tool for tool in await super().list_tools() if self._may_call(self.caller(), tool.name)]

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        who, started = self.caller(), time.monotonic()
        try:
            self._check_scope(who, name)
            answer = await super().call_tool(name, arguments, context)
        except ToolError as error:
            failure = faults.cleaned(error, name)
            _record(name, who, arguments, started, failure, crash=error)
            raise failure from error
        _record(name, who, arguments, started, None)
        return answer

    def _check_scope(self, who: Caller | None, tool: str) -> None:
        if who is None or not self._may_call(who, tool):
            agent = who.agent if who else "nobody"
            raise ToolError(
                f"[forbidden] {tool} is not granted to {agent}. list_tools shows what is; "
                "a token for another agent comes from `python -m mcp_bridge token AGENT`."
            )

    def _may_call(self, who: Caller | None, tool: str) -> bool:
        # An unknown tool looks like a forbidden one: names are not for guessing.
        return who is not None and agents.allows(who.scopes, self.capability_of.get(tool, ""), tool)


def _record(
    tool: str,
    who: Caller | None,
    arguments: dict[str, Any],
    started: float,
    failure: ToolError | None,
    crash: ToolError | None = None,
) -> None:
    fields = {
        "tool": tool,
        "agent": who.agent if who else None,
        "run_key": arguments.get("run_key"),
        "ms": round((time.monotonic() - started) * 1000),
    }
    if failure is None:
        log.info("%s answered", tool, extra={"fields": fields})
    elif isinstance(crash, UnexpectedToolError):
        log.error("%s crashed", tool, extra={"fields": fields}, exc_info=crash)
    else:
        log.warning("%s refused: %s", tool, failure, extra={"fields": fields})
