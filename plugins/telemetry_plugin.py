"""Airflow tells the beginning and the end of each task here; hooks/telemetry.py makes spans and log fields of it."""

from __future__ import annotations

import sys
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


@hookimpl
def on_task_instance_running(previous_state: Any, task_instance: Any) -> None:
    from hooks import telemetry

    telemetry.begin(task_instance)


@hookimpl
def on_task_instance_success(previous_state: Any, task_instance: Any) -> None:
    from hooks import telemetry

    telemetry.end(task_instance)


@hookimpl
def on_task_instance_skipped(previous_state: Any, task_instance: Any) -> None:
    from hooks import telemetry

    telemetry.end(task_instance)


@hookimpl
def on_task_instance_failed(previous_state: Any, task_instance: Any, error: Any) -> None:
    from hooks import telemetry

    telemetry.end(task_instance, type(error).__name__ if isinstance(error, BaseException) else "failed")


class TelemetryPlugin(AirflowPlugin):
    name = "mlops_telemetry"
    listeners = [sys.modules[__name__]]  # noqa: RUF012 - as the base class has it
