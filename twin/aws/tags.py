"""Tags of the records that the twin keeps itself; the others are moto's."""

from __future__ import annotations

from typing import Any

from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import invalid

KINDS = (
    "training-job", "processing-job", "model", "endpoint-config", "endpoint", "model-package-group", "model-package",
)  # fmt: skip
_MOST = 50


def owns(arn: str) -> bool:
    return arn.partition("/")[0].rpartition(":")[2] in KINDS


def put(twin: Twin, arn: str, tags: list[dict[str, str]]) -> list[dict[str, str]]:
    """Add or replace; returns all."""
    with twin.store.lock:
        record = twin.store.get("tags", arn) or {"tags": {}}
        record["tags"].update({tag["Key"]: tag["Value"] for tag in tags})
        if len(record["tags"]) > _MOST:
            raise invalid(f"A resource can have at most {_MOST} tags.")
        twin.store.put("tags", arn, record)
    return of(twin, arn)


def of(twin: Twin, arn: str) -> list[dict[str, str]]:
    record: dict[str, Any] = twin.store.get("tags", arn) or {"tags": {}}
    return [{"Key": key, "Value": value} for key, value in record["tags"].items()]


def add_tags(twin: Twin, request: Request) -> Answer:
    _must_exist(twin, request["ResourceArn"])
    return {"Tags": put(twin, request["ResourceArn"], request["Tags"])}


def list_tags(twin: Twin, request: Request) -> Answer:
    _must_exist(twin, request["ResourceArn"])
    return {"Tags": of(twin, request["ResourceArn"])}


def delete_tags(twin: Twin, request: Request) -> Answer:
    arn = request["ResourceArn"]
    _must_exist(twin, arn)
    with twin.store.lock:
        record = twin.store.get("tags", arn) or {"tags": {}}
        record["tags"] = {key: value for key, value in record["tags"].items() if key not in request["TagKeys"]}
        twin.store.put("tags", arn, record)
    return {}


def _must_exist(twin: Twin, arn: str) -> None:
    kind, _, name = arn.rpartition(":")[2].partition("/")
    # A package's name holds a slash: `group/3`.
    if twin.store.get(kind, name) is None:
        raise invalid(f'Could not find resource "{arn}".')
