"""A network is asked for a frame and its mirror image; the answers agree, or a person should look."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.workloads.detection.capturing import CLASSES, as_png, line, prediction, write_capture
from workloads import archive
from workloads.detection.captured import read_traffic
from workloads.detection.edge_cases import Rules
from workloads.detection.scoring import OnnxDetector
from workloads.detection.second_look import agree, look_again

RULES = Rules(score_threshold=0.3, empty_is_rare=False)
SIDES = [[20, 32, 16, 16, 0.9, 1, 0]]
"""A car left of the middle (cx 20 of 64), whatever the picture."""
MIDDLE = [[32, 32, 16, 16, 0.9, 1, 0]]


@pytest.mark.parametrize(
    ("cells", "agreement"), [(MIDDLE, 1.0), ([], 1.0), (SIDES, 0.5)], ids=["middle", "nothing", "sides"]
)
def test_network_that_sees_the_same_in_the_mirror_agrees_with_itself(make_network, coloured, cells, agreement):
    """What lies left in both pictures lies right after turning back: no look shares the other's car."""
    detector = OnnxDetector(make_network([cells], classes=2), threads=1)
    found, seen = agree(detector, coloured(0), 0.3)
    assert (found, len(seen)) == (pytest.approx(agreement), len(cells))


def test_boxes_that_only_the_mirror_image_shows_are_a_disagreement(make_network, coloured):
    """The first pixel chooses the answer: 0 sees nothing; its mirror image begins with 1 and sees a car."""
    detector = OnnxDetector(make_network([[], MIDDLE], classes=2), threads=1)
    image = coloured(0)
    image[:, -1] = 1
    assert agree(detector, image, 0.3)[0] == pytest.approx(0.5)


def test_frames_of_the_traffic_are_looked_at_again_once_a_scene(make_network, coloured, tmp_path):
    rng = np.random.default_rng(0)
    scenes = [np.kron(rng.integers(2, 250, (8, 8, 1)), np.ones((8, 8, 3))).astype(np.uint8) for _ in range(2)]
    told = prediction([("Car", 12, 24, 28, 40, 0.9)], (64, 64))
    shown = [scenes[0], scenes[0], scenes[1]]
    lines = [line(as_png(image), [told]) for image in shown]
    lines.append(line(as_png(scenes[1][::-1]), [told | {"agreement": 1.0}]))
    traffic = read_traffic(write_capture(tmp_path / "capture", lines), CLASSES)
    signature = {"classes": list(CLASSES), "files": {"onnx": "model.onnx"}}
    archive.write(tmp_path / "model.tar.gz", {
        "model.onnx": make_network([SIDES], classes=2), "signature.json": json.dumps(signature).encode(),
        "features.json": b"{}",
    })  # fmt: skip
    cases, looked = look_again(traffic.frames, tmp_path / "model.tar.gz", RULES)
    assert looked == 2
    assert {one.frame.looks for one in cases} == {traffic.frames[0].looks, traffic.frames[2].looks}
    assert {one.reason for one in cases} == {"disagreement"}
    known = [frame.looks for frame in traffic.frames]
    assert look_again(traffic.frames, tmp_path / "model.tar.gz", RULES, known) == ([], 0)
