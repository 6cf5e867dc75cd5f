"""Right, wrong, missed: by hand on frames of two boxes."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.detection import judging, slices
from workloads.detection.detections import Detections
from workloads.detection.truth import Truth
from workloads.detection.truth import read as read_truth

CLASSES = ("Car", "Pedestrian")
CAR, WALKER = ("Car", 10, 10, 60, 60), ("Pedestrian", 80, 20, 110, 100)
TRUTH = [[CAR, WALKER], [CAR], [], [WALKER]]


@pytest.fixture
def truth_of(judge):
    """The truth as it is read from a prepared split."""
    return lambda truth: read_truth(judge(truth, [[] for _ in truth]).dataset / "test", CLASSES)


def found(*frames: list[tuple]) -> list[Detections]:
    """One a frame, of (class, left, top, right, bottom, score)."""
    return [Detections(np.array([row[1:5] for row in rows], np.float32).reshape(-1, 4),
                       np.array([row[5] for row in rows], np.float32),
                       np.array([CLASSES.index(row[0]) for row in rows], np.int64)) for rows in frames]  # fmt: skip


def test_operating_point_counts_at_the_threshold(truth_of):
    """Cars: 0.9 right, 0.7 right, 0.5 beside it wrong. Walkers: one of two found at 0.8; 0.2 is below the threshold."""
    answers = found([(*CAR, 0.9), ("Car", 70, 70, 120, 120, 0.5), (*WALKER, 0.8)], [(*CAR, 0.7)], [], [(*WALKER, 0.2)])
    judged = judging.judge(truth_of(TRUTH), answers, 0.3)
    assert judged.metrics["precision"] == pytest.approx((2 / 3 + 1) / 2)
    assert judged.metrics["recall"] == pytest.approx((1 + 1 / 2) / 2)
    car, walker = judged.per_class
    assert (car["right"], car["wrong"], car["missed"], car["truths"]) == (2, 1, 0, 2)
    assert (walker["right"], walker["wrong"], walker["missed"]) == (1, 0, 1)
    assert (walker["best_f1"], walker["best_threshold"]) == pytest.approx((1, 0.2))


def test_second_box_on_the_same_car_is_a_false_alarm_and_the_better_score_wins(truth_of):
    answers = found([("Car", 12, 10, 60, 60, 0.9), (*CAR, 0.8)])
    car = judging.judge(truth_of([[CAR]]), answers, 0.3).per_class[0]
    assert (car["right"], car["wrong"]) == (1, 1)


def test_box_taken_for_another_class_stands_off_the_diagonal_and_background_has_its_row(truth_of):
    answers = found([("Pedestrian", *CAR[1:], 0.9)], [], [(*CAR, 0.9)], [(*WALKER, 0.9)])
    counts = judging.judge(truth_of(TRUTH), answers, 0.3).confusion
    np.testing.assert_array_equal(counts, [[0, 1, 1], [0, 1, 1], [1, 0, 0]])


def test_detection_inside_a_region_that_is_not_judged_is_neither_right_nor_wrong(truth_of):
    region = ("Car", 0, 0, 128, 128, {"iscrowd": 1})
    judged = judging.judge(truth_of([[region], [CAR]]), found([(*CAR, 0.9)], [(*CAR, 0.8)]), 0.3)
    assert [judged.metrics[name] for name in ("precision", "recall", "map_50")] == pytest.approx([1, 1, 1])
    np.testing.assert_array_equal(judged.confusion[2], [0, 0, 0])


def test_class_without_truth_is_left_out_of_the_means(truth_of):
    judged = judging.judge(truth_of([[CAR]]), found([(*CAR, 0.9), (*WALKER, 0.9)]), 0.3)
    assert judged.metrics["precision"] == 1
    walker = judged.per_class[1]
    assert (walker["truths"], walker["ap"], walker["recall"], walker["wrong"]) == (0, None, None, 1)


@pytest.mark.parametrize("seed", range(4))
def test_matches_agree_with_the_official_recall_on_random_boxes(truth_of, seed):
    """COCO's recall at IoU 0.5 with 100 detections a frame is the share of boxes that any detection found."""
    from faster_coco_eval import COCO, COCOeval_faster

    random = np.random.default_rng(seed)
    frames, answers = [], []
    for _ in range(6):
        boxes = [(CLASSES[random.integers(2)], *corner, *(corner + random.integers(20, 50, 2)),
                  {"iscrowd": int(random.random() < 0.2)})
                 for corner in random.integers(0, 70, (5, 2))]  # fmt: skip
        frames.append([tuple(int(v) if isinstance(v, np.integer) else v for v in box) for box in boxes])
        answers.append([(kind if random.random() < 0.8 else CLASSES[random.integers(2)],
                         *(np.array(box) + random.integers(-6, 7, 4)), random.random())
                        for kind, *box, _ in boxes for _ in range(3)])  # fmt: skip
    truth = truth_of(frames)
    given = judging.from_coco_rows(truth, judging.coco_rows(truth, found(*answers)))
    judged = judging.judge(truth, given, 0.0)
    known = COCO(truth.document)
    official = COCOeval_faster(known, known.loadRes(judging.coco_rows(truth, given)), "bbox")
    official.evaluate()
    official.accumulate()
    recall = official.eval["recall"][0, :, 0, -1]
    assert [row["recall"] for row in judged.per_class] == pytest.approx(recall.tolist())
    for place in range(2):
        _, precision, ours = judged.matches.curve(place)
        best = [precision[ours >= at].max(initial=0) for at in np.linspace(0, 1, 101)]
        assert judged.table.classes[place + 1].precision_50 == pytest.approx(best, abs=1e-9)


def test_predictions_file_holds_all_that_is_judged(truth_of):
    truth = truth_of(TRUTH)
    given = found([(*CAR, 0.123456789), (*WALKER, 0.9)], [], [], [("Car", 1.234, 2, 3, 4, 0.5)])
    again = judging.from_coco_rows(truth, judging.coco_rows(truth, given))
    assert again[0].scores == pytest.approx([0.9, 0.123457])
    np.testing.assert_allclose(again[3].boxes_xyxy, [[1.23, 2, 3, 4]], atol=0.011)
    assert [len(one) for one in again] == [2, 0, 0, 1]


def test_recall_is_told_by_height_occlusion_and_distance(truth_of):
    near, far = {"occluded": 0, "truncated": 0.0, "location": [0, 1.6, 10]}, {"occluded": 2, "location": [0, 1.6, 60]}
    truth: Truth = truth_of([[(*CAR, near), (*WALKER, far)]])
    judged = judging.judge(truth, found([(*CAR, 0.9)]), 0.3)
    recall = slices.recall_slices(truth, judged.matches, 0.3)
    told = {name: {row["slice"]: row["recall"] for row in rows if row["truths"]} for name, rows in recall.items()}
    assert told == {
        "height": {"40 to 80 px": 1.0, "80 px and more": 0.0},
        "occlusion": {"visible": 1.0, "largely occluded": 0.0},
        "distance": {"0 to 15 m": 1.0, "50 m and more": 0.0},
        "truncation": {"whole": 1.0},
    }


def perfect_r40(tmp_path, objects: int) -> dict[str, float]:
    """What KITTI's evaluator gives where every car is found exactly, one a frame."""
    from workloads.kitti.results import write_results

    (tmp_path / "label_2").mkdir()
    frames = [f"{place:06d}" for place in range(objects)]
    for place, frame in enumerate(frames):
        label = "Car 0 0 1.5 100 100 200 180 1.5 1.6 4 2 1.7 20 1.6\n"
        (tmp_path / "label_2" / f"{frame}.txt").write_text(label)
        write_results(
            tmp_path / "kitti", frame, np.array([[100, 100, 200, 180]]), np.array([1 - place / 1000]), ["Car"]
        )
    table, _ = slices.kitti_slices(tmp_path / "label_2", tmp_path / "kitti", frames, ("Car",))
    return table["car"]["bbox"]["easy"]


@pytest.mark.parametrize("objects", [1, 4, 5, 30, 41, 120])
def test_most_possible_is_what_kittis_evaluator_gives_a_perfect_detector(tmp_path, objects):
    assert perfect_r40(tmp_path, objects) == pytest.approx(slices.most_possible(objects))
