"""What the sensor found, handed to the bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.telemetry import tracing
from operators.bridge import BridgeOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class AdmitOperator(BridgeOperator):
    """admit_issues for the issues that a sensor found. The runs that it starts are told when the sensor saw them.

    Args:
        sensor: id of the IssueSensor's task.
    """

    def __init__(self, *, sensor: str, **options: Any):
        super().__init__(**options)
        self.sensor = sensor

    def execute(self, context: Context) -> dict[str, Any]:
        found = context["ti"].xcom_pull(task_ids=self.sensor)
        self.arguments = {name: found[name] for name in ("numbers", "cursor")}
        with tracing.sensed(f"{context['ti'].dag_id}.{self.sensor}", *found["sensed"]):
            return self.call(context, "admit_issues")
