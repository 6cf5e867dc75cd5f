"""Objects that arrived in a bucket, as its queue told an asset, handed to the bridge."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException
from triggers.raw_data import raw_keys

from mlops.identity import digest
from operators.bridge import BridgeOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


def arrived_keys(extras: Iterable[Mapping[str, Any]]) -> list[str]:
    """Raw objects in the S3 notifications that asset events carry, each once, in order of arrival."""
    return raw_keys(message for extra in extras for message in _messages(extra))


def _messages(extra: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    payload = extra.get("payload", {})
    payload = json.loads(payload) if isinstance(payload, str) else payload
    return payload.get("message_batch", [])


class ArrivalOperator(BridgeOperator):
    """consider_new_data for the events that triggered this DAG run; skipped where they name no object."""

    def execute(self, context: Context) -> dict[str, Any]:
        events = [event for found in context["triggering_asset_events"].values() for event in found]
        keys = arrived_keys(event.extra for event in events)
        if not keys:
            raise AirflowSkipException("No object arrived.")
        # Queues deliver at least once: the same objects in the same run are the same arrival.
        self.arguments = {"keys": keys, "event_id": digest([context["run_id"], keys], 16)}
        return self.call(context, "consider_new_data")
