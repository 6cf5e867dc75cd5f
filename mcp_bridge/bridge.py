"""The MCP server class: scopes before arguments, errors with a remedy, one log line a call."""

from __future__ import annotations

import logging
import time
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.types import Tool as ListedTool

from mcp_bridge import agents, faults
from mcp_bridge.auth import Caller, caller
from mcp_bridge.reporting import Reporter
from mlops.telemetry import tracing

log = logging.getLogger("mcp_bridge.calls")


class WithBaggage(ServerMiddleware[Any]):
    """The SDK takes the caller's trace from a message, and leaves what the caller says of it behind."""

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        with tracing.told_by(ctx.meta or {}):
            return await call_next(ctx)


class Bridge(MCPServer):
    """Tools belong to capabilities, and a caller sees and calls only those that its scopes hold."""

    def __init__(self, *, reporter: Reporter, local: Caller | None = None, **options: Any):
        """`local` is the caller where there is no HTTP request (stdio, in-memory); None refuses such calls."""
        super().__init__("mlops", middleware=[WithBaggage()], **options)
        self._local = local
        self.reporter = reporter
        self.capability_of: dict[str, str] = {}
        # Calls wait for AWS and GitHub, not for the processor; anyio's 40 would queue the polls of 20 runs.
        self.threads = anyio.CapacityLimiter(200)

    def caller(self) -> Caller | None:
        return caller(self._local)

    def close_arguments(self, tool: str) -> None:
        """Let the schema of `tool` say that there are no other arguments; `call_tool` holds callers to it."""
        found = self._tool_manager.get_tool(tool)
        assert found is not None
        found.parameters["additionalProperties"] = False

    async def list_tools(self) -> list[ListedTool]:
        return [tool for tool in await super().list_tools() if self._may_call(self.caller(), tool.name)]

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        who = self.caller()
        looks = self._only_looks(name)
        with tracing.joined(name, arguments.get("run_key"), who.agent if who else "", recorded=not looks):
            return await self._call_tool(name, arguments, context, who)

    async def _call_tool(self, name: str, arguments: dict[str, Any], context: Any, who: Caller | None) -> Any:
        started = time.monotonic()
        try:
            self._check_scope(who, name)
            self._check_names(name, arguments)
            answer = await super().call_tool(name, arguments, context)
        except ToolError as error:
            failure = faults.cleaned(error, name)
            _record(name, who, arguments, started, failure, crash=error)
            raise failure from error
        _record(name, who, arguments, started, None)
        return answer

    def _only_looks(self, tool: str) -> bool:
        found = self._tool_manager.get_tool(tool)
        return bool(found and found.annotations and found.annotations.read_only_hint)

    def _check_scope(self, who: Caller | None, tool: str) -> None:
        if who is None or not self._may_call(who, tool):
            agent = who.agent if who else "nobody"
            raise ToolError(
                f"[forbidden] {tool} is not granted to {agent}. list_tools shows what is; "
                "a token for another agent comes from `python -m mcp_bridge token AGENT`."
            )

    def _check_names(self, tool: str, arguments: dict[str, Any]) -> None:
        """Refuse what the tool does not know: a misspelt argument would otherwise be left out in silence."""
        found = self._tool_manager.get_tool(tool)
        known = list(found.parameters.get("properties", {})) if found else []
        strange = [repr(name[:60]) for name in arguments if name not in known]
        if found and strange:
            there_are = ", ".join(known) or "none"
            raise ToolError(
                f"[bad_arguments] {tool} has no argument {', '.join(strange[:5])}; there are: {there_are}. "
                "Correct them after the tool's input schema."
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
