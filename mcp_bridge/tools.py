"""Registering tools: what a capability module writes, and what every tool gets for it."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.types import ToolAnnotations
from pydantic import Field, TypeAdapter

from mcp_bridge import agents, faults, idempotency
from mcp_bridge.bridge import Bridge
from mcp_bridge.reporting import Reporter
from mlops.acting import acting
from mlops.errors import MlopsError

if TYPE_CHECKING:
    from mlops.services import Services

Function = TypeVar("Function", bound=Callable[..., Any])

RunKey = Annotated[
    str,
    Field(
        min_length=4, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$",
        description="The run, e.g. `gh-4242-7-0123456789ab`; list_runs shows those there are.",
    ),
]  # fmt: skip
IdempotencyKey = Annotated[
    str,
    Field(
        min_length=1, max_length=200, pattern=r"^[ -~]+$",
        description="Names this intention. The same key with the same arguments gives the first answer again "
        "and does nothing twice; send it again after a lost reply. A failed call may be repeated with its key.",
    ),
]  # fmt: skip

_HEARTBEAT_S = 2.0
_SUBJECTS = ("run_key", "name", "endpoint")
"""Arguments that say what a call is about; the first that there is names its session at AWS."""


@dataclass(frozen=True)
class Tools:
    """One capability's way to the server. Each tool is a typed function; the docstring is what an agent reads."""

    server: Bridge
    services: Services
    capability: str
    reporter: Reporter

    def read(self, title: str) -> Callable[[Function], Function]:
        """Register a tool that changes nothing."""

        def decorator(function: Function) -> Function:
            self._add(function, function, ToolAnnotations(
                title=title, read_only_hint=True, idempotent_hint=True, destructive_hint=False, open_world_hint=True,
            ))  # fmt: skip
            return function

        return decorator

    def effect(
        self, title: str, *, destructive: bool = False, reported: bool = False
    ) -> Callable[[Function], Function]:
        """Register a tool with an effect; its function takes an `idempotency_key`, which is honoured here.

        `reported`: it moves a run on, so the run's comment is drawn anew afterwards, whether it succeeded or not.
        """

        def decorator(function: Function) -> Function:
            act = self._once(function)
            self._add(function, self._reported(act) if reported else act, ToolAnnotations(
                title=title, read_only_hint=False, idempotent_hint=True, destructive_hint=destructive,
                open_world_hint=True,
            ))  # fmt: skip
            return function

        return decorator

    def _add(self, function: Callable[..., Any], act: Callable[..., Any], annotations: ToolAnnotations) -> None:
        self.server.capability_of[function.__name__] = self.capability
        self.server.add_tool(
            _served(function, self._as_agent(act, function.__name__), self.server.threads),
            title=annotations.title,
            description=inspect.getdoc(function),
            annotations=annotations,
            meta={"mlops/capability": self.capability},
            structured_output=True,
        )
        self.server.close_arguments(function.__name__)

    def _as_agent(self, act: Callable[..., Any], tool: str) -> Callable[..., Any]:
        """AWS is asked with the caller's role; for people, with that of the agent that the capability is made for."""

        def call(**arguments: Any) -> Any:
            who = self.server.caller()
            assert who is not None  # the scope check has passed
            agent = who.agent if who.agent != agents.OPERATOR else agents.owner(self.capability)
            about = next((arguments[name] for name in _SUBJECTS if name in arguments), tool)
            with acting(agent, str(about)):
                return act(**arguments)

        return call

    def _reported(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def tell(**arguments: Any) -> Any:
            try:
                return act(**arguments)
            finally:
                self.reporter.soon(arguments["run_key"])

        return tell

    def _once(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, its answer kept under the caller's idempotency key."""
        adapter = TypeAdapter(get_type_hints(function, include_extras=True)["return"])

        def act(**arguments: Any) -> Any:
            who = self.server.caller()
            assert who is not None  # the scope check has passed
            key = arguments["idempotency_key"]
            plain = {name: value for name, value in arguments.items() if name != "idempotency_key"}

            def effect() -> dict[str, Any]:
                return adapter.dump_python(function(**arguments), mode="json")

            answer = idempotency.once(
                self.services.ledger, who.agent, key, function.__name__,
                TypeAdapter(dict[str, Any]).dump_python(plain, mode="json"), effect,
            )  # fmt: skip
            return adapter.validate_python(answer)

        return act


def _served(
    function: Callable[..., Any], act: Callable[..., Any], threads: anyio.CapacityLimiter
) -> Callable[..., Any]:
    """`act` with the signature of `function`, run in a thread, telling the client that it still works."""

    @functools.wraps(function)
    async def tool(ctx: Context, **arguments: Any) -> Any:
        return await _in_thread(functools.partial(act, **arguments), ctx, function.__name__, threads)

    hints = get_type_hints(function, include_extras=True)
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=hints[p.name]) for p in signature.parameters.values()]
    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=Context)
    tool.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*parameters, context], return_annotation=hints["return"]
    )
    # The SDK finds the context parameter by annotations and everything else by signature.
    tool.__annotations__ = {**hints, "ctx": Context}
    del tool.__wrapped__  # type: ignore[attr-defined]
    return tool


async def _in_thread(work: Callable[[], Any], ctx: Context, name: str, threads: anyio.CapacityLimiter) -> Any:
    started, outcome = time.monotonic(), None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_report_progress, ctx, name, started)
        try:
            outcome = await anyio.to_thread.run_sync(_translated(work), limiter=threads)
        finally:
            tasks.cancel_scope.cancel()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _translated(work: Callable[[], Any]) -> Callable[[], Any]:
    """Errors come back as values: raised inside a task group they would arrive wrapped in a group."""

    def run() -> Any:
        try:
            return work()
        except MlopsError as error:
            failure = faults.as_tool_error(error)
            failure.__cause__ = error
            return failure
        except Exception as defect:
            return defect

    return run


async def _report_progress(ctx: Context, name: str, started: float) -> None:
    """Seconds so far, every other second: a waiting client sees life, and no proxy closes the stream."""
    while True:
        await anyio.sleep(_HEARTBEAT_S)
        passed = time.monotonic() - started
        await ctx.report_progress(passed, None, f"{name} is at work, {passed:.0f} s so far")
