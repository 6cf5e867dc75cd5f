"""Judging a detector: figures that can be checked by hand, an honest champion, a seal that shows every break."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from mlops.handles import Evaluation
from workloads.contract import UserError
from workloads.detection.validate import Champion, judge_champion

CAR, WALKER = ("Car", 10, 10, 60, 60), ("Pedestrian", 80, 20, 110, 100)
TRUTH = [[CAR, WALKER], [CAR], [], [WALKER]]
EXACT = [[(*CAR, 0.9), (*WALKER, 0.8)], [(*CAR, 0.7)], [], [(*WALKER, 0.6)]]
METRICS = ("map_50", "map_50_95", "precision", "recall")


def test_detections_that_are_the_truth_score_one_everywhere(judge):
    judged = judge(TRUTH, EXACT)
    results = judged.validate()
    evaluation = Evaluation(prefix="s3://bucket/evaluations/x/", **results | {"task": "classification"})
    assert evaluation.seal_intact
    assert (results["task"], results["rows"]) == ("object_detection", 4)
    assert {name: results["metrics"][name] for name in METRICS} == pytest.approx(dict.fromkeys(METRICS, 1.0))
    assert results["metrics"]["inference_latency_ms"] > 0
    assert judged.written("results.json") == results
    assert results["plots"] == ["confusion_matrix.png", "pr_curve.png", "threshold_curve.png"]
    for name in [*results["plots"], *(f"predictions/{frame:06d}.png" for frame in range(4))]:
        assert cv2.imread(str(judged.evaluation / name)) is not None
    assert judged.written("metrics.json")["confusion_matrix"]["counts"] == [[2, 0, 0], [0, 2, 0], [0, 0, 0]]


def test_threshold_of_the_deployment_is_the_operating_point(judge):
    judged = judge(TRUTH, [[(*CAR, 0.9), (*WALKER, 0.8)], [(*CAR, 0.7)], [], [(*WALKER, 0.2)]])
    judged.run.spec["deployment"] = {"score_threshold": 0.1, "precision": None}
    assert judged.validate()["metrics"]["recall"] == 1
    assert judged.written("metrics.json")["operating_point"]["score_threshold"] == 0.1


def test_detector_that_sees_nothing_scores_zero_and_its_report_is_whole(judge):
    judged = judge(TRUTH, [[], [], [], []], kitti=True)
    metrics = judged.validate()["metrics"]
    assert [metrics[name] for name in METRICS] == [0, 0, 0, 0]
    assert metrics["ap_2d_easy"] == 0
    assert judged.written("predictions.json") == []
    assert (judged.evaluation / "evaluation_report.pdf").read_bytes().startswith(b"%PDF")


def test_model_that_predicts_no_number_is_refused_with_the_count(judge):
    judged = judge(TRUTH, [[(*CAR, np.nan)], [(*CAR, 0.7)], [], [(*CAR, np.inf)]])
    with pytest.raises(UserError, match=r"no number for 2 of 4 test frames \(first: 000000\)"):
        judged.validate()


def test_frames_without_labels_are_refused_with_the_remedy(judge):
    with pytest.raises(UserError, match=r"none of its 2 frames has a labelled box.*7,518.*3712/3769"):
        judge([[], []], [[], []]).validate()


def test_annotations_that_are_missing_or_broken_are_named(judge):
    judged = judge(TRUTH, EXACT)
    path = judged.dataset / "test" / "annotations.json"
    for content, words in ((b"{", "is no JSON"), (b"[]", "is no COCO document")):
        path.write_bytes(content)
        with pytest.raises(UserError, match=f"test/annotations.json: {words}"):
            judged.validate()
    path.unlink()
    with pytest.raises(UserError, match="cannot be judged"):
        judged.validate()


def test_kitti_figures_are_those_of_its_result_files(judge):
    """Two cars of 50 px found exactly: two thresholds, precision 1 at recall 0 and 1/40: R40 is 1/40, R11 1/11."""
    judged = judge(TRUTH, EXACT, kitti=True)
    metrics = judged.validate()["metrics"]
    assert metrics["ap_2d_easy"] == pytest.approx(1 / 40)
    car = judged.written("metrics.json")["kitti"]["car"]
    assert car["bbox"]["easy"] == pytest.approx({"R11": 100 / 11, "R40": 2.5})
    assert (car["objects"]["easy"], car["aos"][:12], "cyclist" in judged.written("metrics.json")["kitti"]) == (
        2, "not computed", False)  # fmt: skip
    rows = (judged.evaluation / "kitti" / "data" / "000000.txt").read_text().splitlines()
    assert rows[0] == "Car -1 -1 -10 10.00 10.00 60.00 60.00 -1 -1 -1 -1000 -1000 -1000 -10 0.900000"
    assert (judged.evaluation / "kitti" / "data" / "000002.txt").read_text() == ""


def test_figures_follow_from_the_stored_predictions(judge):
    from workloads.detection.coco_metrics import evaluate

    judged = judge(TRUTH, [[(*CAR, 0.9)], [("Car", 12, 12, 63, 60, 0.4)], [(*CAR, 0.3)], []])
    metrics = judged.validate()["metrics"]
    truth = json.loads((judged.dataset / "test" / "annotations.json").read_text())
    again = evaluate(truth, judged.written("predictions.json"))
    assert (metrics["map_50"], metrics["map_50_95"]) == (again["AP50"], again["AP"])


# The champion


def against(judged, tmp_path, champion):
    from workloads.detection.truth import read as read_truth

    truth = read_truth(judged.dataset / "test", judged.classes)
    return judge_champion(champion, tmp_path, truth, 0.3, judged.dataset / "test")


def test_champion_with_other_order_of_classes_and_other_input_is_judged_on_the_same_frames(judge, tmp_path):
    judged = judge(TRUTH, EXACT)
    half = [[(*CAR, 0.9)], [(*CAR, 0.7)], [], [(*WALKER, 0.6)]]
    champion = judged.write_product("champion", half, ("Pedestrian", "Car"), input_size=(64, 64))
    theirs = against(judged, tmp_path, champion)
    assert (theirs.version, theirs.note) == ("0.9.0", "")
    assert (theirs.metrics["precision"], theirs.metrics["recall"]) == (1, (1 + 1 / 2) / 2)


@pytest.mark.parametrize(
    ("classes", "signature", "words"),
    [
        (("Car", "Tram"), {}, "it knows the classes Car, Tram; the data now have Car, Pedestrian"),
        (("Car", "Pedestrian"), {"task": "classification"}, "it does classification, not object_detection"),
    ],
)
def test_champion_of_other_classes_or_task_is_not_compared_and_the_reason_told(
    judge, tmp_path, classes, signature, words
):
    judged = judge(TRUTH, EXACT)
    champion = judged.write_product("champion", [[]] * 4, classes, **signature)
    assert against(judged, tmp_path, champion) == Champion(None, "0.9.0", words)


def test_champion_that_gives_no_number_is_no_measure(judge, tmp_path):
    judged = judge(TRUTH, EXACT)
    theirs = against(judged, tmp_path, judged.write_product("champion", [[(*CAR, np.nan)]], judged.classes))
    assert theirs.metrics is None
    assert "no number for 4 of 4 test frames" in theirs.note


def test_model_of_another_recipe_breaks_the_seal_and_the_serving_model_is_shown_beside_it(judge):
    judged = judge(TRUTH, EXACT)
    judged.recipe["input_size"] = [64, 64]
    judged.product = judged.write_product("model", EXACT, judged.classes)
    results = judged.validate(judged.product)
    assert not results["seal_intact"]
    assert judged.written("details.json")["seal_broken"] == [
        "the model carries another recipe than this dataset version"
    ]
    assert results["champion_metrics"]["map_50"] == results["metrics"]["map_50"] == 1
