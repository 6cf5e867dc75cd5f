"""Data capture: a share of an endpoint's traffic, as JSON lines in S3, in SageMaker's layout."""

from __future__ import annotations

import base64
import json
import logging
import random
import threading
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from twin.aws.storage import ObjectMissing
from twin.aws.twin import Twin

log = logging.getLogger(__name__)

_DEFAULT_TYPES = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json", "application/jsonlines"]}


class Capture:
    """Collects records; `flush` writes what there is as one object per endpoint and variant."""

    def __init__(self, twin: Twin):
        self._twin = twin
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._pending: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)

    def offer(
        self, endpoint: str, variant: str, config: dict[str, Any], headers: dict[str, str],
        question: bytes, answer_type: str, answer: bytes,
    ) -> None:  # fmt: skip
        """Keep this exchange if the configuration captures it; the sampling percentage decides by chance."""
        capture = config.get("DataCaptureConfig")
        if not capture or not capture.get("EnableCapture", False):
            return
        if random.random() * 100 >= capture["InitialSamplingPercentage"]:  # noqa: S311
            return
        modes = {option["CaptureMode"] for option in capture["CaptureOptions"]}
        data = {}
        if modes & {"Input", "InputAndOutput"}:
            data["endpointInput"] = _side("INPUT", headers["Content-Type"], question, capture)
        if modes & {"Output", "InputAndOutput"}:
            data["endpointOutput"] = _side("OUTPUT", answer_type, answer, capture)
        line = json.dumps({"captureData": data, "eventMetadata": _event(headers), "eventVersion": "0"})
        with self._lock:
            self._pending[capture["DestinationS3Uri"], endpoint, variant].append(line)

    def flush(self) -> None:
        # Whoever flushes next waits until this batch lies in S3.
        with self._writing:
            with self._lock:
                pending, self._pending = self._pending, defaultdict(list)
            for (destination, endpoint, variant), lines in pending.items():
                moment = datetime.now(UTC)
                file = f"{moment:%M-%S}-{moment.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
                uri = f"{destination.rstrip('/')}/{endpoint}/{variant}/{moment:%Y/%m/%d/%H}/{file}"
                try:
                    with self._twin.trail.acting_as(self._role(endpoint, variant), endpoint):
                        self._twin.storage.write(uri, ("\n".join(lines) + "\n").encode())
                except ObjectMissing as missing:
                    log.warning("Captured data of %s is lost: %s (%s)", endpoint, missing, destination)

    def _role(self, endpoint: str, variant: str) -> str:
        """The role of the model that answered; empty where it has gone meanwhile."""
        fleet = self._twin.fleets.get(endpoint)
        server = fleet.servers.get(variant) if fleet else None
        model = self._twin.store.get("model", server.variant["ModelName"]) if server else None
        return str(model.get("ExecutionRoleArn", "")) if model else ""


def _side(mode: str, content_type: str, content: bytes, capture: dict[str, Any]) -> dict[str, str]:
    types = {**_DEFAULT_TYPES, **capture.get("CaptureContentTypeHeader", {})}
    plain = content_type.partition(";")[0].strip().lower()
    for encoding, listed in (("CSV", types["CsvContentTypes"]), ("JSON", types["JsonContentTypes"])):
        if plain in listed:
            text = content.decode("utf-8", "replace")
            return {"observedContentType": content_type, "mode": mode, "data": text, "encoding": encoding}
    encoded = base64.b64encode(content).decode()
    return {"observedContentType": content_type, "mode": mode, "data": encoded, "encoding": "BASE64"}


def _event(headers: dict[str, str]) -> dict[str, Any]:
    event: dict[str, Any] = {
        "eventId": str(uuid.uuid4()),
        "inferenceTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if inference := headers.get("X-Amzn-SageMaker-Inference-Id"):
        event["inferenceId"] = inference
    if attributes := headers.get("X-Amzn-SageMaker-Custom-Attributes"):
        event["customAttributes"] = [attributes]
    return event
