"""One tool of the bridge, called as one task."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.definitions._internal.mixins import ResolveMixin
from hooks.bridge import BridgeHook

from mlops.identity import key_for_airflow_run

if TYPE_CHECKING:
    from airflow.sdk import Context

Arguments = Mapping[str, Any] | Callable[["Context"], Mapping[str, Any]]


def of_this_run(context: Context) -> dict[str, Any]:
    """`{"run_key": ...}` of the DAG run."""
    return {"run_key": key_for_airflow_run(context["run_id"])}


def intention(context: Context, tool: str, *, each_try: bool = False) -> str:
    """The idempotency key of one call: the same whenever Airflow repeats the task.

    With `each_try`, a retry of the task is a new intention: the server then looks anew whether to adopt or to start.
    """
    task = context["ti"]
    parts = [task.dag_id, context["run_id"], task.task_id, str(task.map_index), tool]
    if each_try:
        parts.append(f"try{task.try_number}")
    key = "/".join(parts)
    return key if len(key) <= 200 and key.isascii() else hashlib.sha256(key.encode()).hexdigest()


class BridgeOperator(BaseOperator):
    """What all operators that speak to the bridge share. Nothing here is a template: issue text stays text.

    Args:
        agent: whose token is used.
        arguments: the tool's arguments, or a function of the context that gives them; without it the run key.
        bridge_conn_id: the connection.
    """

    # Mapped tasks fill it; its values are data and must never be rendered.
    template_fields = ()
    ui_color = "#e8f0fe"

    def __init__(
        self, *, agent: str, arguments: Arguments = of_this_run, bridge_conn_id: str = "mlops_mcp", **options: Any
    ):
        super().__init__(**options)
        self.agent = agent
        self.arguments = arguments
        self.bridge_conn_id = bridge_conn_id

    def call(self, context: Context, tool: str, *, each_try: bool = False, **more: Any) -> dict[str, Any]:
        """The answer of an effectful tool to this task's arguments and `more`."""
        key = intention(context, tool, each_try=each_try)
        hook = BridgeHook(self.bridge_conn_id)
        return hook.call(tool, {**self.given(context), **more, "idempotency_key": key}, self.agent)

    def given(self, context: Context) -> dict[str, Any]:
        """This task's arguments, as values."""
        if isinstance(self.arguments, ResolveMixin):
            # Inside a mapped task group; Airflow resolves template fields only, and these must never be templates.
            return dict(self.arguments.resolve(context))
        return dict(self.arguments(context) if callable(self.arguments) else self.arguments)


class ToolOperator(BridgeOperator):
    """Calls one effectful tool and returns its answer.

    Args:
        tool: its name.
        each_try: a retry, or clearing the task, executes the tool again instead of repeating its answer.
    """

    def __init__(self, *, tool: str, each_try: bool = False, **options: Any):
        super().__init__(**options)
        self.tool = tool
        self.each_try = each_try

    def execute(self, context: Context) -> dict[str, Any]:
        return self.call(context, self.tool, each_try=self.each_try)


class ReadOperator(BridgeOperator):
    """Calls one reading tool and returns its answer."""

    def __init__(self, *, tool: str, **options: Any):
        super().__init__(**options)
        self.tool = tool

    def execute(self, context: Context) -> dict[str, Any]:
        return BridgeHook(self.bridge_conn_id).call(self.tool, self.given(context), self.agent)
