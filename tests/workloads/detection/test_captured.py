"""Captured frames are read as the endpoint read them; what cannot be read is counted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.workloads.detection.capturing import (
    CLASSES,
    as_instances,
    as_jpeg,
    as_png,
    body,
    line,
    picture,
    prediction,
    write_capture,
)  # fmt: skip
from workloads.detection.captured import pixels_at, read_traffic

CAR = ("Car", 4.0, 8.0, 24.0, 40.0, 0.9)
SCENE = picture(np.random.default_rng(0))


def npy(array: np.ndarray) -> dict[str, str]:
    import io

    file = io.BytesIO()
    np.save(file, array)
    return body(file.getvalue(), "application/x-npy")


def read(tmp_path, *lines: str, **options):
    return read_traffic(write_capture(tmp_path / "capture", lines), CLASSES, **options)


@pytest.mark.parametrize("asked", [as_png(SCENE), as_jpeg(SCENE), as_instances([SCENE]), npy(SCENE)],
                         ids=["png", "jpeg", "instances", "npy"])  # fmt: skip
def test_frame_is_measured_whatever_it_came_as(tmp_path, asked):
    traffic = read(tmp_path, line(asked, [prediction([CAR])]))
    (frame,) = traffic.frames
    assert (frame.size, frame.moment, traffic.lines, traffic.skipped.total()) == (
        (48, 64), "2026-11-23T10:00:00Z", 1, 0,
    )  # fmt: skip
    assert frame.facts["brightness"] == pytest.approx(SCENE.mean(), abs=3)
    assert frame.answer.found.boxes_xyxy.tolist() == [[4, 8, 24, 40]]
    assert (frame.answer.fallback, frame.answer.agreement, frame.answer.is_usual) == ("", None, True)
    assert np.abs(pixels_at(frame.place).astype(int) - SCENE).mean() < 8


def test_frames_of_one_request_are_told_apart(tmp_path):
    other = picture(np.random.default_rng(1))
    answers = [prediction([CAR]), prediction([], agreement=0.25, fallback=True, reason="uncertain")]
    first, second = read(tmp_path, line(as_instances([SCENE, other]), answers)).frames
    assert (len(first.answer.found), len(second.answer.found)) == (1, 0)
    assert (second.answer.fallback, second.answer.agreement, second.answer.has_boxes) == ("uncertain", 0.25, True)
    assert np.array_equal(pixels_at(second.place), other)


def test_fallback_without_an_answer_has_no_boxes_to_count(tmp_path):
    (frame,) = read(tmp_path, line(as_png(SCENE), [prediction([], fallback=True, reason="too_slow")])).frames
    assert (frame.answer.fallback, frame.answer.has_boxes) == ("too_slow", False)


@pytest.mark.parametrize(
    ("asked", "event"),
    [
        (as_instances([SCENE], score=0.05), {}),
        (as_png(SCENE), {"customAttributes": ["score=0.9; classes=Car"]}),
        (as_instances([SCENE], uncertainty="mc_dropout"), {}),
    ],
    ids=["body", "header", "dropout"],
)
def test_answer_to_other_settings_is_not_the_models_usual(tmp_path, asked, event):
    (frame,) = read(tmp_path, line(asked, [prediction([CAR])], **event)).frames
    assert not frame.answer.is_usual


BAD = {
    "broken_line": "not json",
    "refused_request": line(body(b"GIF89a", "image/png"), [prediction([])]),
    "tensor": line(npy(np.zeros((1, 3, 8, 8), np.float32)), [prediction([])]),
    "own_request": line(as_png(SCENE), [prediction([])], inferenceId="mlops-probe-1"),
}


@pytest.mark.parametrize("reason", BAD)
def test_line_that_is_no_frame_is_counted_and_nothing_else_is_lost(tmp_path, reason):
    traffic = read(tmp_path, BAD[reason], line(as_png(SCENE), [prediction([])]), own_requests="mlops-probe")
    assert (len(traffic.frames), dict(traffic.skipped), traffic.lines) == (1, {reason: 1}, 2)


@pytest.mark.parametrize(
    "answers",
    [
        None,
        [],
        [{"label": "cat"}],
        [prediction([("Car", 0.0, 0.0, 1.0, float("nan"), 0.9)])],
        [prediction([CAR]) | {"detections": [{"class": "Tram", "box": [0, 0, 1, 1], "score": 1}]}],
    ],
    ids=["none", "another number", "another task", "no number", "unknown class"],
)
def test_frame_counts_where_its_answer_cannot_be_read(tmp_path, answers):
    traffic = read(tmp_path, line(as_png(SCENE), answers))
    assert (traffic.frames[0].answer, dict(traffic.skipped)) == (None, {"unread_answer": 1})


def test_long_windows_are_sampled_evenly_and_say_so(tmp_path):
    shades = [line(as_png(np.full((8, 8, 3), shade, np.uint8)), [prediction([])]) for shade in range(9)]
    traffic = read(tmp_path, *shades, most=3)
    assert [frame.facts["brightness"] for frame in traffic.frames] == [0, 4, 8]
    assert (traffic.lines, dict(traffic.skipped)) == (9, {"not_sampled": 6})


def test_no_capture_is_no_traffic(tmp_path):
    traffic = read_traffic(tmp_path / "nothing", CLASSES)
    assert (traffic.frames, traffic.lines) == ([], 0)


def test_answers_json_may_be_captured_as_base64(tmp_path):
    """SageMaker writes content types that the configuration does not list in base64."""
    event = json.loads(line(as_png(SCENE), [prediction([CAR])]))
    told = event["captureData"]["endpointOutput"]
    event["captureData"]["endpointOutput"] = body(told["data"].encode(), "application/json")
    (frame,) = read(tmp_path, json.dumps(event)).frames
    assert len(frame.answer.found) == 1
