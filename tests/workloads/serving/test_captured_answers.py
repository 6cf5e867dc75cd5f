"""What a served detector says is what the drift check reads of it."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from workloads.detection.captured import read_traffic
from workloads.images.codec import encode_png

CLASSES = ("Car", "Cyclist")
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


def captured(folder, image: bytes, answer: bytes, **event):
    """The exchange as SageMaker writes it."""
    asked = {"observedContentType": "image/png", "data": base64.b64encode(image).decode(), "encoding": "BASE64"}
    told = {"observedContentType": "application/json", "data": answer.decode(), "encoding": "JSON"}
    line = json.dumps({"captureData": {"endpointInput": asked, "endpointOutput": told}, "eventMetadata": event})
    folder.mkdir()
    (folder / "a.jsonl").write_text(line + "\n")
    return read_traffic(folder, CLASSES)


@pytest.mark.parametrize("attributes", ["", "uncertainty=tta", "max_latency_ms=1;uncertainty=tta"])
def test_drift_check_understands_what_was_answered(eye, ask, make, tmp_path, attributes):
    image = encode_png(make.road())
    headers = {"Content-Type": "image/png"} | ({ATTRIBUTES: attributes} if attributes else {})
    status, _, answer = ask(eye, "POST", "/invocations", image, headers)
    (told,) = json.loads(answer)["predictions"]
    traffic = captured(tmp_path / "capture", image, answer, customAttributes=[attributes])
    (frame,) = traffic.frames
    assert (status, traffic.skipped.total()) == (200, 0)
    assert frame.answer.fallback == (told["reason"] or "")
    assert frame.answer.agreement == told.get("agreement")
    np.testing.assert_allclose(frame.answer.found.boxes_xyxy.reshape(-1),
                               np.array([row["box"] for row in told["detections"]]).reshape(-1))  # fmt: skip
    assert told["image_size"] in (None, list(frame.size))
