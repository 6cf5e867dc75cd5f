"""What is measured of answers, and kept of them."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.detection import prediction_facts
from workloads.detection.detections import Detections

CLASSES = ("Car", "Pedestrian")
PAIR = Detections(np.array([[0, 0, 10, 10], [0, 0, 20, 20], [0, 0, 40, 40]], np.float32),
                  np.array([0.9, 0.5, 0.2], np.float32), np.array([0, 1, 1]))  # fmt: skip


def test_numbers_of_a_frame_leave_out_what_is_below_the_threshold():
    """10 and 20 of 100 pixels; the third scores 0.2 and is not told."""
    facts = prediction_facts.describe([PAIR, Detections.none()], [(100, 100)] * 2, CLASSES, 0.3)
    assert {name: values[0] for name, values in facts.columns.items()} == pytest.approx(
        {"detections": 2, "best_score": 0.9, "mean_score": 0.7, "box_side_median": 0.15, "box_side_largest": 0.2}
    )
    assert facts.counts.tolist() == [[1, 1], [0, 0]]
    assert facts.columns["detections"][1] == 0
    assert np.isnan(facts.columns["best_score"][1])


def test_file_holds_the_numbers_with_classes_and_threshold(tmp_path):
    facts = prediction_facts.describe([PAIR, Detections.none()], [(100, 100)] * 2, CLASSES, 0.3)
    prediction_facts.write(tmp_path / "sample.parquet", facts)
    again = prediction_facts.read(tmp_path / "sample.parquet")
    assert (again.classes, again.score_threshold, again.counts.tolist()) == (CLASSES, 0.3, facts.counts.tolist())
    for name, values in facts.columns.items():
        np.testing.assert_array_equal(again.columns[name], values)


def test_large_evaluations_are_sampled(tmp_path):
    many = prediction_facts.describe([PAIR] * 2100, [(100, 100)] * 2100, CLASSES, 0.3)
    prediction_facts.write(tmp_path / "sample.parquet", many)
    assert len(prediction_facts.read(tmp_path / "sample.parquet")) == prediction_facts.SAMPLE_FRAMES


def test_nothing_described_has_no_rows():
    assert len(prediction_facts.describe([], [], CLASSES, 0.3)) == 0


def test_validate_leaves_the_numbers_of_the_judged_frames_beside_its_results(judge):
    """Two frames: a car at 0.9 and one at 0.2, of which only the first is told."""
    car = ("Car", 10, 10, 60, 60)
    judged = judge([[car], [car]], [[(*car, 0.9)], [(*car, 0.2)]])
    judged.validate()
    facts = prediction_facts.read(judged.evaluation / prediction_facts.FILE)
    assert facts.columns["detections"].tolist() == [1, 0]
    assert (facts.classes, facts.score_threshold) == (CLASSES, 0.3)
