"""A task's place in the trace of its run, and the run's key in each of its log lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlops.identity import Phase, key_for_airflow_run
from mlops.settings import Settings
from mlops.telemetry import ids, tracing


def begin(task: Any) -> None:
    """This process works on a task instance from now on, until it ends. What it logs and asks for is of the run."""
    tracing.start("airflow", Settings.from_environment().traces_url)
    about = _about(task)
    _log_with(task, about)
    tracing.otel.attach(tracing.below(_run_key(task), *_names(task), **about, **_caller(task)))


def end(task: Any, failed: str = "") -> None:
    """The task's try is over: a span from its first process to now, whatever time it waited in between."""
    began = task.start_date.timestamp() if task.start_date else time.time()
    about = {"phase": phase_of(task), "try_number": task.try_number}
    tracing.record(_name(task), _run_key(task), _names(task), (), began, time.time(), failed=failed, **about)


@contextmanager
def waiting(task: Any, agent: str) -> Iterator[None]:
    """A trigger waits for this task instance (None: for no task). One span for all it asks meanwhile."""
    if task is None:
        yield
        return
    tracing.start("airflow", Settings.from_environment().traces_url)
    about = {**_about(task), "agent": agent}
    _log_with(task, about)
    context = tracing.below(_run_key(task), *_names(task), **about)
    with tracing.within(context), tracing.span("wait"), tracing.quietly():
        yield


def phase_of(task: Any) -> str:
    """The task's group, where that is a phase."""
    group = task.task_id.partition(".")[0]
    return group if group in list(Phase) else ""


def _about(task: Any) -> dict[str, str]:
    return {"phase": phase_of(task), "agent": str(getattr(getattr(task, "task", None), "agent", ""))}


def _caller(task: Any) -> dict[str, str]:
    """Who asks, for runs that the called tool starts."""
    return {"task": _name(task), "task_began": f"{task.start_date.timestamp():.3f}"} if task.start_date else {}


def _run_key(task: Any) -> str:
    return key_for_airflow_run(task.run_id)


def _name(task: Any) -> str:
    mapped = f".{task.map_index}" if (task.map_index or 0) > 0 else ""
    return f"{task.dag_id}.{task.task_id}{mapped}"


def _names(task: Any) -> tuple[str, ...]:
    return "task", _name(task), str(task.try_number)


def _log_with(task: Any, about: dict[str, str]) -> None:
    """Airflow's own lines keep its names (`timestamp`, `event`); ours are added to each."""
    from structlog.contextvars import bind_contextvars

    run_key = _run_key(task)
    known = {name: value for name, value in about.items() if value}
    bind_contextvars(
        run_key=run_key, trace_id=f"{ids.trace_id(run_key):032x}",
        span_id=f"{ids.span_id(run_key, *_names(task)):016x}", **known,
    )  # fmt: skip
