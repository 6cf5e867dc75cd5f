"""Weighted box fusion by hand, and against the answers of the authors' own package."""

import json
from pathlib import Path

import numpy as np
import pytest

from workloads.detection.detections import Detections
from workloads.detection.fusion import fuse

KNOWN = json.loads((Path(__file__).parent / "wbf_known_answers.json").read_text())


def found(*rows):
    """Detections of (left, top, right, bottom, score, class) rows."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


@pytest.mark.parametrize("case", KNOWN["cases"], ids=lambda case: f"{len(case['members'])} members")
def test_answers_equal_those_of_the_reference(case):
    members = [
        Detections(np.array(m["boxes"], np.float32).reshape(-1, 4), np.array(m["scores"]), np.array(m["classes"]))
        for m in case["members"]
    ]
    fused = fuse(members, case["weights"], iou_limit=case["iou_limit"], skip_score=case["skip_score"])
    np.testing.assert_allclose(fused.scores, case["scores"], atol=1e-5)
    np.testing.assert_allclose(fused.boxes_xyxy, case["boxes"], atol=2e-3)
    assert fused.classes.tolist() == case["classes"]


def test_agreed_box_is_the_mean_by_score():
    """(0.6 * 0 + 0.2 * 4) / 0.8 = 1; the score is (0.6 + 0.2) / 2."""
    fused = fuse([found((0, 0, 20, 20, 0.6, 0)), found((4, 4, 24, 24, 0.2, 0))], iou_limit=0.4)
    np.testing.assert_allclose(fused.boxes_xyxy, [[1, 1, 21, 21]], atol=1e-5)
    assert fused.scores == pytest.approx([0.4])


def test_object_that_one_of_three_saw_keeps_a_third_of_its_score():
    assert fuse([found((0, 0, 9, 9, 0.9, 0)), found(), found()]).scores == pytest.approx([0.3])


def test_classes_are_never_mixed():
    fused = fuse([found((0, 0, 9, 9, 0.8, 0)), found((0, 0, 9, 9, 0.6, 1))])
    assert fused.classes.tolist() == [0, 1]
    assert fused.scores == pytest.approx([0.4, 0.3])


def test_equal_members_change_nothing_and_one_member_is_itself():
    one = found((0, 0, 10, 10, 0.9, 0), (50, 50, 60, 70, 0.4, 2))
    for members in ([one], [one, one, one]):
        fused = fuse(members)
        np.testing.assert_allclose(fused.boxes_xyxy, one.boxes_xyxy, atol=1e-5)
        np.testing.assert_allclose(fused.scores, one.scores, atol=1e-6)


def test_weaker_boxes_than_the_limit_are_not_used_and_the_best_are_kept():
    members = [found((0, 0, 9, 9, 0.9, 0), (20, 0, 29, 9, 0.5, 0), (40, 0, 49, 9, 0.1, 0))]
    assert fuse(members, skip_score=0.2).scores == pytest.approx([0.9, 0.5])
    assert fuse(members, most=1).scores == pytest.approx([0.9])


def test_nothing_found_is_empty():
    assert (len(fuse([found(), found()])), len(fuse([]))) == (0, 0)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, -1.0], [1.0, float("nan")]])
def test_weights_that_fit_no_members_are_refused(weights):
    with pytest.raises(ValueError, match="2 members need as many weights above 0"):
        fuse([found(), found()], weights)
