"""COCO's metrics equal the official numbers, and bad JSON is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workloads.detection.__main__ import main
from workloads.detection.coco_metrics import evaluate, evaluate_classes, evaluate_files

FIXTURE = Path(__file__).parents[4] / "shared" / "data" / "coco_eval"
TRUTH = {
    "images": [{"id": 1, "width": 100, "height": 100}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0}],
    "categories": [{"id": 1, "name": "Car"}],
}


def test_official_fixture_gives_the_official_numbers(capsys):
    if not FIXTURE.is_dir():
        pytest.skip("shared/data/coco_eval is not beside the project")
    words = ["evaluate", "--json", "--truth", str(FIXTURE / "instances_val2014_100.json")]
    assert main([*words, "--detections", str(FIXTURE / "instances_val2014_fakebbox100_results.json")]) == 0
    expected = json.loads((FIXTURE / "expected.json").read_text())["stats"]
    assert json.loads(capsys.readouterr().out) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize(
    "rename",
    [lambda place: place, lambda place: 2**63 + place, lambda place: 10**30 * place, lambda place: f"box {place}"],
    ids=["from 0", "64 bits", "100 bits", "text"],
)
def test_ids_of_annotations_change_nothing(tmp_path, recwarn, rename):
    if not FIXTURE.is_dir():
        pytest.skip("shared/data/coco_eval is not beside the project")
    truth = json.loads((FIXTURE / "instances_val2014_100.json").read_text())
    found = FIXTURE / "instances_val2014_fakebbox100_results.json"
    annotations = [row | {"id": rename(place)} for place, row in enumerate(truth["annotations"])]
    (tmp_path / "truth.json").write_text(json.dumps(truth | {"annotations": annotations}))
    assert evaluate_files(tmp_path / "truth.json", found) == evaluate(truth, json.loads(found.read_text()))
    assert not [each for each in recwarn.list if issubclass(each.category, UserWarning)]


def test_byte_order_mark_and_further_keys_of_a_detection_change_nothing(tmp_path):
    found = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "score": 0.9, "caption": "a car"}
    (tmp_path / "truth.json").write_text(json.dumps(TRUTH), encoding="utf-8-sig")
    (tmp_path / "found.json").write_text(json.dumps([found]), encoding="utf-8-sig")
    assert evaluate_files(tmp_path / "truth.json", tmp_path / "found.json")["AP"] == pytest.approx(1)


def test_box_found_exactly_scores_one_and_a_size_without_truth_none():
    """One box of 100 px^2: small; there is no large one to find."""
    metrics = evaluate(TRUTH, [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "score": 0.9}])
    assert metrics["AP"] == pytest.approx(1)
    assert metrics["AP_small"] == pytest.approx(1)
    assert metrics["AP_large"] is None


def test_no_detection_scores_zero():
    assert evaluate(TRUTH, [])["AP"] == 0


def test_each_class_has_its_own_curve_and_the_rows_given_stay_as_they_are():
    """One of two cars found, with a false alarm above it: precision 1/2 up to recall 1/2 (51 of 101 points)."""
    cars = [{"id": i, "image_id": 1, "category_id": 1, "bbox": [20 * i, 0, 10, 10]} for i in (1, 2)]
    truth = TRUTH | {"annotations": cars, "categories": [{"id": 1, "name": "Car"}, {"id": 2, "name": "Bus"}]}
    found = [{"image_id": 1, "category_id": 1, "bbox": [0, 50, 10, 10], "score": 0.9},
             {"image_id": 1, "category_id": 1, "bbox": [20, 0, 10, 10], "score": 0.8}]  # fmt: skip
    before = json.dumps([truth, found])
    table = evaluate_classes(truth, found)
    assert table.classes[1].ap50 == pytest.approx(0.5 * 51 / 101)
    assert table.classes[1].by_size["small"] == pytest.approx(0.5 * 51 / 101)
    assert table.classes[1].precision_50[50:52] == pytest.approx([0.5, 0])
    assert (table.classes[2].ap, table.classes[2].precision_50) == (None, [])
    assert json.dumps([truth, found]) == before


@pytest.mark.parametrize(
    ("detections", "words"),
    [
        ("[", "is no JSON"),
        ("[" * 100_000, "lie too deeply in one another"),
        ("{}", "is no list"),
        ('[{"image_id": 1}]', "[0]: lacks bbox, category_id, score"),
        (
            '[{"image_id": [1], "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}]',
            "image_id: [1] is not a whole number",
        ),
        (
            '[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": "x"}]',
            "score: 'x' is not a finite number",
        ),
        ('[{"image_id": 1, "category_id": 1, "bbox": [NaN, 0, 1, 1], "score": 1}]', "is not [x, y, width, height]"),
        ('[{"image_id": 7, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}]', "image_id: 7 is not in the truth"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [0, 0, -1, 1], "score": 1}]', "sizes from 0 up"),
        (f'[{{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1{"0" * 400}, 1], "score": 1}}]', "bbox: [0, 0, 1000"),
    ],
)
def test_bad_detections_end_with_one_clear_line(tmp_path, capsys, detections, words):
    assert words in refused(tmp_path, capsys, TRUTH, detections)


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [
        ("annotations", {"iscrowd": "yes"}, "annotations[1], iscrowd: 'yes' is not 0 or 1"),
        ("annotations", {"iscrowd": None}, "annotations[1], iscrowd: None is not 0 or 1"),
        ("annotations", {"iscrowd": 2}, "annotations[1], iscrowd: 2 is not 0 or 1"),
        ("annotations", {"area": -1}, "annotations[1], area: -1 is not a finite number from 0 up"),
        ("annotations", {"area": float("nan")}, "annotations[1], area: nan is not a finite number from 0 up"),
        ("annotations", {"area": "x"}, "annotations[1], area: 'x' is not a finite number from 0 up"),
        ("annotations", {"id": 1.5}, "annotations[1], id: 1.5 is not a whole number"),
        ("annotations", {"id": None}, "annotations[1], id: None is not a whole number"),
        ("annotations", {"id": 1}, "annotations[1], id: 1 is the id of [0] too"),
        ("images", {}, "images[1], id: 1 is the id of [0] too"),
        ("categories", {}, "categories[1], id: 1 is the id of [0] too"),
        ("annotations", {"category_id": 777}, "annotations[1], category_id: 777 is not in the truth"),
        ("annotations", {"image_id": 777}, "annotations[1], image_id: 777 is not in the truth"),
    ],
)  # fmt: skip
def test_bad_truth_ends_with_one_clear_line(tmp_path, capsys, key, change, words):
    """A second row like the first, with one thing wrong."""
    (row,) = TRUTH[key]
    second = row | ({"id": 2} if key == "annotations" else {}) | change
    assert f"truth.json, {words}" in refused(tmp_path, capsys, TRUTH | {key: [row, second]}, "[]")


def refused(folder: Path, capsys, truth: dict, detections: str) -> str:
    """What the command answers in its single line."""
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "found.json").write_text(detections)
    assert main(["evaluate", "--truth", str(folder / "truth.json"), "--detections", str(folder / "found.json")]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    return told
