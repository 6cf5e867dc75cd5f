"""Services of which the twin keeps what it is told, so that it can be read again: nothing of it happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twin.aws import airflow, autoscaling, backups, costs, grafana, machines, shapes, spelling, tracing
from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import Reply

Operation = Callable[[Twin, Request], Answer]

OURS: dict[str, tuple[str, Mapping[str, Operation]]] = {
    "airflow": ("mwaa", airflow.OPERATIONS),
    "xray": ("xray", tracing.OPERATIONS),
    "backup": ("backup", backups.OPERATIONS),
    "budgets": ("budgets", costs.BUDGETS),
    "ce": ("ce", costs.ANOMALIES),
    "grafana": ("grafana", grafana.OPERATIONS),
    "application-autoscaling": ("application-autoscaling", autoscaling.OPERATIONS),
    "states": ("stepfunctions", machines.OPERATIONS),
}
"""By the name in the signature: botocore's name of the service, and what of it is ours; the rest is moto's."""


def answers(service: str, environ: Mapping[str, Any]) -> tuple[str, dict[str, str]] | None:
    """The operation and the words of its path, where it is ours."""
    if service not in OURS:
        return None
    model, operations = OURS[service]
    name, in_path = spelling.operation_of(environ, model)
    return (name, in_path) if name in operations else None


def answer(
    twin: Twin, service: str, name: str, environ: Mapping[str, Any], in_path: Mapping[str, str], body: bytes
) -> Reply:
    """Raises AwsError."""
    model, operations = OURS[service]
    request = spelling.request_of(environ, model, name, in_path, body)
    shapes.check_request(model, name, request)
    response = operations[name](twin, request)
    if twin.options.check_responses:
        shapes.check_response(model, name, response)
    return spelling.reply_of(model, name, response)
