"""State changes as EventBridge events, to whatever rules there are. Best effort, as on AWS."""

from __future__ import annotations

import json
import logging
from typing import Any

from moto.events.models import events_backends

from twin.aws.store import Document, public
from twin.aws.twin import Twin

log = logging.getLogger(__name__)

_TITLES = {
    "training-job": "SageMaker Training Job State Change",
    "processing-job": "SageMaker Processing Job State Change",
    "endpoint": "SageMaker Endpoint State Change",
}
_TIMES = ("Time",)


def job_changed(twin: Twin, kind: str, record: Document) -> None:
    """Put the event of a job's or endpoint's change on the default bus, if anybody listens."""
    backend = events_backends[twin.options.account][twin.options.region]
    try:
        with twin.locks.changing("events"):
            if not any(bus.rules for bus in backend.event_buses.values()):
                return
            backend.put_events(
                [{"Source": "aws.sagemaker", "DetailType": _TITLES[kind], "Detail": json.dumps(_detail(record))}]
            )
    except Exception:
        # A rule with a target that moto cannot reach must not end the job.
        log.warning("No event for the change of a %s", kind, exc_info=True)


def _detail(record: Document) -> dict[str, Any]:
    """Times in milliseconds, as SageMaker's events have them."""
    return {
        name: int(value * 1000) if name.endswith(_TIMES) and isinstance(value, float) else value
        for name, value in public(record).items()
    }
