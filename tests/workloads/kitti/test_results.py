"""Result files hold KITTI's sixteen columns, and our evaluator reads them back."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.kitti.evaluation import evaluate_folders
from workloads.kitti.objects import read_results
from workloads.kitti.results import result_rows, write_results
from workloads.kitti.row import Column, parse_row


def test_row_has_sixteen_columns_with_the_devkits_invalid_defaults():
    row = result_rows(np.array([[1, 2.345, 30.5, 40]]), np.array([0.87654321]), ["Car"])
    assert row == "Car -1 -1 -10 1.00 2.35 30.50 40.00 -1 -1 -1 -1000 -1000 -1000 -10 0.876543\n"
    kind, numbers = parse_row(row.strip(), 16, "000000.txt", 1)
    assert (kind, numbers[Column.RIGHT], numbers[Column.SCORE]) == ("Car", 30.5, 0.876543)


def test_blanks_in_a_class_do_not_shift_the_columns():
    assert result_rows(np.zeros((1, 4)), np.ones(1), ["traffic  light"]).split()[0] == "traffic_light"


def test_evaluator_reads_the_files_back_and_leaves_out_what_was_not_estimated(tmp_path):
    """One car found exactly: precision 1 at recall 0 alone, so R11 is 100/11 (see test_evaluation)."""
    (tmp_path / "label_2").mkdir()
    label = "Car 0.00 0 1.50 100.00 100.00 200.00 180.00 1.50 1.60 4.00 2.00 1.70 20.00 1.60\n"
    for frame in ("000000", "000001"):
        (tmp_path / "label_2" / f"{frame}.txt").write_text(label if frame == "000000" else "")
    write_results(tmp_path / "kitti", "000000", np.array([[100, 100, 200, 180]]), np.array([0.9]), ["Car"])
    write_results(tmp_path / "kitti", "000001", np.zeros((0, 4)), np.zeros(0), [])
    evaluated = evaluate_folders(tmp_path / "label_2", tmp_path / "kitti")
    scores = evaluated.scores
    assert (evaluated.unjudged, evaluated.unknown) == ([], {})
    assert evaluated.found == {"car": 1, "pedestrian": 0, "cyclist": 0}
    assert scores["car"]["bbox"]["easy"].r11 == pytest.approx(100 / 11)
    assert [scores["car"][metric] for metric in ("aos", "bev", "3d")] == [None, None, None]
    assert read_results(tmp_path / "kitti").frames == ("000000", "000001")
