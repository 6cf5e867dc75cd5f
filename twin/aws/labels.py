"""Tags of what the shelf keeps, as maps; each service has its own words for them."""

from __future__ import annotations

from collections.abc import Mapping

from twin.aws.twin import Twin


def put(twin: Twin, arn: str, tags: Mapping[str, str]) -> None:
    with twin.store.lock:
        record = twin.store.get("labels", arn) or {}
        twin.store.put("labels", arn, {**record, **tags})


def of(twin: Twin, arn: str) -> dict[str, str]:
    return dict(twin.store.get("labels", arn) or {})


def remove(twin: Twin, arn: str, keys: list[str]) -> None:
    with twin.store.lock:
        twin.store.put("labels", arn, {key: value for key, value in of(twin, arn).items() if key not in keys})


def pairs(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in tags.items()]
