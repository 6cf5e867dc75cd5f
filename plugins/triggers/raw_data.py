"""Waits for raw objects on the bucket's queue, and takes the rest of its messages away without a word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from airflow.providers.amazon.aws.triggers.sqs import SqsSensorTrigger

_RAW = re.compile(r"datasets/[^/]+/raw/.+")


def created_keys(message: Mapping[str, Any]) -> list[str]:
    """Keys of the objects that one S3 notification calls created; S3's own test event names none."""
    try:
        records = json.loads(message["Body"]).get("Records", [])
        return [
            unquote_plus(record["s3"]["object"]["key"])
            for record in records
            if record.get("eventName", "").removeprefix("s3:").startswith("ObjectCreated")
        ]
    except (ValueError, KeyError, AttributeError, TypeError):
        return []  # somebody else's message: no arrival


def raw_keys(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """Keys below a `raw/` folder in these messages, each once, in order of arrival."""
    keys = [key for message in messages for key in created_keys(message) if _RAW.fullmatch(key)]
    return list(dict.fromkeys(keys))


class RawDataTrigger(SqsSensorTrigger):
    """Fires for messages that name an object below `datasets/{id}/raw/`.

    The queue hears of every object below `datasets/`, the outputs of our own preparation included; a DAG run for each
    of those would do nothing but cost.
    """

    async def poke(self, client: Any) -> list[Any]:
        return [message for message in await super().poke(client) if raw_keys([message])]
