"""Search over the records that the twin keeps itself."""

from __future__ import annotations

from typing import Any

from twin.aws import listing, tags
from twin.aws.store import public
from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import not_implemented

KINDS = {
    "TrainingJob": ("training-job", "TrainingJobName", "TrainingJobArn"),
    "Endpoint": ("endpoint", "EndpointName", "EndpointArn"),
    "ModelPackage": ("model-package", "ModelPackageName", "ModelPackageArn"),
    "ModelPackageGroup": ("model-package-group", "ModelPackageGroupName", "ModelPackageGroupArn"),
}
"""Resource of the request -> kind, name and ARN of the record."""


def search(twin: Twin, request: Request) -> Answer:
    """All (or, with `Operator: Or`, some) of the filters over members, `Tags.<key>` and nested members hold."""
    kind, name, arn = KINDS[request["Resource"]]
    expression = request.get("SearchExpression", {})
    if set(expression) - {"Filters", "Operator"}:
        raise not_implemented("Search with NestedFilters or SubExpressions")
    every = any if expression.get("Operator") == "Or" else all
    found = []
    for record in twin.store.all(kind):
        labels = tags.of(twin, record[arn])
        flat = {**_flat(record), **{f"Tags.{tag['Key']}": tag["Value"] for tag in labels}}
        filters = expression.get("Filters", [])
        if not filters or every(_holds(flat.get(each["Name"]), each) for each in filters):
            found.append({**public(record), "Tags": labels})
    members = ("MaxResults", "NextToken", "SortOrder")
    paging: dict[str, Any] = {member: request[member] for member in members if member in request}
    chosen, more = listing.page(found, paging, name=name, default_size=100)
    return {"Results": [{request["Resource"]: record} for record in chosen], **more}


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _holds(actual: Any, condition: dict[str, str]) -> bool:
    wanted = condition.get("Value", "")
    match condition.get("Operator", "Equals"):
        case "Equals":
            return str(actual) == wanted
        case "NotEquals":
            return str(actual) != wanted
        case "Contains":
            return actual is not None and wanted in str(actual)
        case "In":
            return str(actual) in wanted.split(",")
        case "Exists":
            return actual is not None
        case "NotExists":
            return actual is None
        case "GreaterThan" | "GreaterThanOrEqualTo" | "LessThan" | "LessThanOrEqualTo" as operator:
            return actual is not None and _compares(operator, float(actual), float(wanted))
        case other:
            raise not_implemented(f"the Search operator {other}")


def _compares(operator: str, actual: float, wanted: float) -> bool:
    if actual == wanted:
        return operator.endswith("OrEqualTo")
    return (actual > wanted) == operator.startswith("Greater")
