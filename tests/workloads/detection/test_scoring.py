"""The ONNX detector: boxes in original pixels, bad networks named."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.contract import UserError
from workloads.detection.scoring import NoNumber, OnnxDetector, present_providers


def test_boxes_come_back_in_the_pixels_of_each_picture(make_network):
    """The network always answers one box of 20 x 10 around (40, 20) in a 64 x 64 input."""
    detector = OnnxDetector(make_network([[[40, 20, 20, 10, 0.9, 1.0, 0.0]]], classes=2), threads=1)
    same, doubled = detector.predict([np.zeros((64, 64, 3), np.uint8), np.zeros((64, 128, 3), np.uint8)])
    np.testing.assert_allclose(same.boxes_xyxy, [[30, 15, 50, 25]])
    np.testing.assert_allclose(doubled.boxes_xyxy, [[60, 30, 100, 50]])
    assert doubled.scores == pytest.approx([0.9])
    assert (detector.input_size, detector.class_count) == ((64, 64), 2)


def test_picture_chooses_its_answer(make_network, coloured):
    """Proof of the fixture: the shade of the picture is the row of the table."""
    detector = OnnxDetector(make_network([[], [[8, 8, 4, 4, 0.5, 0.5]]], classes=1), threads=1)
    nothing, one = detector.predict([coloured(0), coloured(1)])
    assert (len(nothing), len(one)) == (0, 1)


def test_no_picture_is_no_answer(make_network):
    assert OnnxDetector(make_network([[]], classes=1)).predict([]) == []


def test_scores_that_are_no_number_are_told_and_an_endless_box_is_left_out(make_network, coloured):
    rows = [[[8, 8, 4, 4, np.nan, 0.5]], [[8, 8, np.inf, 4, 0.9, 0.9], [8, 8, 4, 4, 0.9, 0.8]]]
    detector = OnnxDetector(make_network(rows, classes=1), threads=1)
    with pytest.raises(NoNumber):
        detector.predict([coloured(0)])
    assert detector.predict([coloured(1)])[0].scores == pytest.approx([0.72])


@pytest.mark.parametrize(
    ("given", "told", "message"),
    [
        ({"images": (1, ["n", 3, 64, 64]), "mask_0": (1, ["n", 64])}, (1, ["n", 7, 8]), "wants mask_0 beside images"),
        ({"images": (1, ["n", 4])}, (1, ["n", 7, 8]), r"input images is .* a detector's is \(n, 3, height, width\)"),
        ({"images": (1, [2, 3, 64, 64])}, (1, [2, 7, 8]), "takes 2 pictures at once"),
        ({"images": (1, ["n", 3, 64, 64])}, (1, ["n", 3, 64, 64]), r"output predictions is .*5 \+ classes"),
        ({"images": (1, ["n", 3, 64, 64])}, (1, ["n", 7, 5]), r"output predictions is .*5 \+ classes"),
        ({"images": (2, ["n", 3, 64, 64])}, (1, ["n", 7, 8]), r"images is tensor\(uint8\)"),
        ({"images": (1, ["n", 3, 64, 64])}, (7, ["n", 7, 8]), r"predictions is tensor\(int64\)"),
    ],
    ids=["more inputs", "rows", "fixed batch", "pictures", "no class", "bytes", "whole numbers"],
)
def test_graph_that_is_no_detectors_is_refused_by_what_is_other(given, told, message):
    """Types as ONNX counts them: 1 float, 2 uint8, 7 int64."""
    from onnx import helper

    inputs = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in given.items()]
    answer = helper.make_tensor("answer", told[0], [1, *told[1][1:]], np.zeros(np.prod(told[1][1:]), int))
    nodes = [helper.make_node("Constant", [], ["predictions"], value=answer)]
    output = helper.make_tensor_value_info("predictions", *told)
    model = helper.make_model(helper.make_graph(nodes, "other", inputs, [output]), ir_version=8,
                              opset_imports=[helper.make_opsetid("", 17)])  # fmt: skip
    with pytest.raises(UserError, match=message):
        OnnxDetector(model.SerializeToString())


def test_absent_provider_and_broken_network_end_with_what_is_there():
    with pytest.raises(UserError, match="cannot be loaded"):
        OnnxDetector(b"no network")
    with pytest.raises(UserError, match="choose cpu, cuda, tensorrt"):
        OnnxDetector(b"", provider="npu")
    assert "cpu" in present_providers()
    if "cuda" not in present_providers():
        with pytest.raises(UserError, match="cuda is absent from this onnxruntime; it has cpu"):
            OnnxDetector(b"", provider="cuda")
