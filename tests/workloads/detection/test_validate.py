"""Judging a detector: figures that can be checked by hand, an honest champion, a seal that shows every break."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from mlops.handles import Evaluation
from workloads.contract import UserError

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
    assert judged.written("metrics.json")["confusion_matrix"]["counts"] == [[2, 0, 0], [0, 2, 0], [0, 0, 0]]


def test_operating_point_counts_at_the_threshold_of_the_deployment(judge):
    """Cars: 0.9 right, 0.7 right, 0.5 beside it wrong. Walkers: one of two found at 0.8; 0.2 is below the threshold."""
    answers = [[(*CAR, 0.9), ("Car", 70, 70, 120, 120, 0.5), (*WALKER, 0.8)], [(*CAR, 0.7)], [], [(*WALKER, 0.2)]]
    judged = judge(TRUTH, answers)
    metrics = judged.validate()["metrics"]
    assert metrics["precision"] == pytest.approx((2 / 3 + 1) / 2)
    assert metrics["recall"] == pytest.approx((1 + 1 / 2) / 2)
    car, walker = judged.written("metrics.json")["per_class"]
    assert (car["right"], car["wrong"], car["missed"], car["truths"]) == (2, 1, 0, 2)
    assert (walker["right"], walker["wrong"], walker["missed"]) == (1, 0, 1)
    assert walker["best_threshold"] == pytest.approx(0.2)
    judged.run.spec["deployment"] = {"score_threshold": 0.1}
    assert judged.validate()["metrics"]["recall"] == 1


def test_box_taken_for_another_class_stands_off_the_diagonal_and_background_has_its_row(judge):
    answers = [[("Pedestrian", *CAR[1:], 0.9)], [], [(*CAR, 0.9)], [(*WALKER, 0.9)]]
    judged = judge(TRUTH, answers)
    judged.validate()
    assert judged.written("metrics.json")["confusion_matrix"] == {
        "labels": ["Car", "Pedestrian", "background"],
        "counts": [[0, 1, 1], [0, 1, 1], [1, 0, 0]],
    }


def test_detection_inside_an_ignored_region_is_neither_right_nor_wrong(judge):
    region = ("Car", 0, 0, 128, 128, {"iscrowd": 1})
    judged = judge([[region], [CAR]], [[(*CAR, 0.9)], [(*CAR, 0.8)]])
    metrics = judged.validate()["metrics"]
    assert (metrics["precision"], metrics["recall"], metrics["map_50"]) == pytest.approx((1, 1, 1))
    assert judged.written("metrics.json")["confusion_matrix"]["counts"][2] == [0, 0, 0]


def test_class_without_truth_is_left_out_of_the_means(judge):
    judged = judge([[CAR]], [[(*CAR, 0.9), (*WALKER, 0.9)]])
    assert judged.validate()["metrics"]["precision"] == 1
    walker = judged.written("metrics.json")["per_class"][1]
    assert (walker["truths"], walker["ap"], walker["recall"], walker["wrong"]) == (0, None, None, 1)


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


def test_recall_is_told_by_height_occlusion_and_distance(judge):
    near, far = {"occluded": 0, "truncated": 0.0, "location": [0, 1.6, 10]}, {"occluded": 2, "location": [0, 1.6, 60]}
    judged = judge([[(*CAR, near), (*WALKER, far)]], [[(*CAR, 0.9)]])
    judged.validate()
    recall = judged.written("metrics.json")["slices"]["recall"]
    told = {name: {row["slice"]: row["recall"] for row in rows if row["truths"]} for name, rows in recall.items()}
    assert told["height"] == {"40 to 80 px": 1.0, "80 px and more": 0.0}
    assert told["occlusion"] == {"visible": 1.0, "largely occluded": 0.0}
    assert told["distance"] == {"0 to 15 m": 1.0, "50 m and more": 0.0}
    assert told["truncation"] == {"whole": 1.0}


def test_figures_follow_from_the_stored_predictions(judge):
    from workloads.detection.coco_metrics import evaluate

    judged = judge(TRUTH, [[(*CAR, 0.9)], [("Car", 12, 12, 63, 60, 0.4)], [(*CAR, 0.3)], []])
    metrics = judged.validate()["metrics"]
    truth = json.loads((judged.dataset / "test" / "annotations.json").read_text())
    again = evaluate(truth, judged.written("predictions.json"))
    assert (metrics["map_50"], metrics["map_50_95"]) == (again["AP50"], again["AP"])


# The champion


def test_champion_with_other_order_of_classes_and_other_input_is_judged_on_the_same_frames(judge):
    judged = judge(TRUTH, EXACT)
    champion = judged.write_product("champion", EXACT, ("Pedestrian", "Car"), input_size=(64, 64))
    results = judged.validate(champion)
    theirs = results["champion_metrics"]
    assert {name: theirs[name] for name in METRICS} == pytest.approx(
        {name: results["metrics"][name] for name in METRICS}
    )
    assert results["champion_version"] == "0.9.0"


@pytest.mark.parametrize(
    ("classes", "signature", "words"),
    [
        (("Car", "Tram"), {}, "it knows the classes Car, Tram; the data now have Car, Pedestrian"),
        (("Car", "Pedestrian"), {"task": "classification"}, "it does classification, not object_detection"),
    ],
)
def test_champion_of_other_classes_or_task_is_not_compared_and_the_reason_told(judge, classes, signature, words):
    judged = judge(TRUTH, EXACT)
    answers = [[box for box in boxes if box[0] in classes] for boxes in EXACT]
    results = judged.validate(judged.write_product("champion", answers, classes, **signature))
    assert results["champion_metrics"] is None
    assert judged.written("details.json")["champion_note"] == words


# The seal


def test_changed_picture_added_file_and_leaked_frame_break_the_seal(judge):
    judged = judge(TRUTH, EXACT)
    images = judged.dataset / "test" / "images"
    leaked = judged.manifest["files"]["test/images/000003.png"]
    judged.manifest["files"]["train/images/000777.png"] = leaked
    (images / "000002.png").write_bytes((images / "000001.png").read_bytes())
    (images / "extra.png").write_bytes(b"")
    assert not judged.validate()["seal_intact"]
    assert judged.written("details.json")["seal_broken"] == [
        "test/images/000002.png is not the files that prepare wrote",
        "test/images/extra.png is not in the manifest",
        "1 test frames are pictures that training saw (first: test/images/000003.png is train/images/000777.png)",
    ]


def test_model_of_another_data_set_version_or_recipe_breaks_the_seal(judge):
    judged = judge(TRUTH, EXACT)
    judged.recipe["input_size"] = [64, 64]
    judged.product = judged.write_product("model", EXACT, judged.classes)
    judged.run = type(judged.run)(**judged.run.__dict__ | {"dataset_version": "v2"})
    judged.validate()
    assert judged.written("details.json")["seal_broken"] == [
        "the model was trained on data set version v1, the test frames are v2's",
        "the model carries another recipe than this dataset version",
    ]


# What is left to look at


def test_every_picture_can_be_opened_and_the_report_has_the_same_bytes_again(judge):
    judged = judge(TRUTH, EXACT, kitti=True)
    results = judged.validate()
    assert results["plots"] == ["confusion_matrix.png", "pr_curve.png", "threshold_curve.png"]
    for name in [*results["plots"], *(f"predictions/{frame:06d}.png" for frame in range(4))]:
        assert cv2.imread(str(judged.evaluation / name)) is not None
    assert (judged.evaluation / "evaluation_report.pdf").stat().st_size > 10_000


def test_worst_frames_are_drawn_beside_the_first():
    from workloads.detection.examples import choose
    from workloads.detection.matching import Matches

    frames = np.arange(12)
    missed = np.where(frames == 10, -np.inf, 0.9).astype(np.float32)
    matches = Matches(np.ones(2, np.float32), np.zeros(2, int), np.zeros(2, np.int8), np.array([9, 9]),
                      np.zeros(12, int), missed, frames, np.zeros(12, int))  # fmt: skip
    chosen = choose(matches, 12, 0.3, first=2, worst=4)
    assert [(one.place, one.found, one.missed, one.wrong, one.reason) for one in chosen] == [
        (0, 1, 0, 0, "first"), (1, 1, 0, 0, "first"), (9, 1, 0, 2, "worst"), (10, 0, 1, 0, "worst")]  # fmt: skip
