"""A task's place in its run's trace."""

from __future__ import annotations

import contextvars
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hooks import telemetry
from structlog.contextvars import get_contextvars

from mlops.telemetry import ids, tracing
from tests.plugins.conftest import RUN_ID


def instance(task_id="train.train_model", **more):
    began = datetime(2026, 11, 26, 12, tzinfo=UTC)
    known = {"dag_id": "lifecycle", "run_id": RUN_ID, "map_index": -1, "try_number": 1, "start_date": began}
    return SimpleNamespace(task_id=task_id, task=SimpleNamespace(agent="training"), **known | more)


def in_a_process(work):
    """A task's process has a context of its own."""
    return contextvars.copy_context().run(work)


def test_what_a_task_asks_and_logs_is_of_its_run():
    def work():
        telemetry.begin(instance())
        return tracing.facts(), get_contextvars()

    facts, logged = in_a_process(work)
    span = ids.span_id(RUN_ID, "task", "lifecycle.train.train_model", "1")
    assert facts == {
        "run_key": RUN_ID, "phase": "train", "agent": "training", "trace_id": f"{ids.trace_id(RUN_ID):032x}",
        "span_id": f"{span:016x}",
    }  # fmt: skip
    assert facts.items() <= logged.items()


def test_each_try_and_each_mapped_task_is_a_span_of_its_own():
    def span_of(task):
        def work():
            telemetry.begin(task)
            return tracing.facts()["span_id"]

        return in_a_process(work)

    tries = [instance(), instance(try_number=2), instance(map_index=3), instance("train.other")]
    assert len({span_of(task) for task in tries}) == 4


@pytest.mark.parametrize(("task_id", "phase"), [("train.train_model", "train"), ("open_run", ""), ("watch.x", "")])
def test_phase_is_the_tasks_group(task_id, phase):
    assert telemetry.phase_of(instance(task_id)) == phase


def test_trigger_without_a_task_waits_all_the_same():
    with telemetry.waiting(None, "training"):
        assert tracing.facts() == {}


def test_what_a_trigger_asks_meanwhile_is_of_the_run():
    def work():
        with telemetry.waiting(instance(), "training"):
            return tracing.facts()["run_key"]

    assert in_a_process(work) == RUN_ID


def test_airflow_finds_the_listener():
    import telemetry_plugin

    listener = telemetry_plugin.TelemetryPlugin.listeners[0]
    assert {"on_task_instance_running", "on_task_instance_success", "on_task_instance_failed"} <= set(dir(listener))
