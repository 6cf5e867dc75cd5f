"""Rows of all formats, there and back, and what is said of a bad one."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from workloads.kitti.mistakes import BadFile
from workloads.tracking.formats import Format, read, text

MOT = "1,-1,10,20,30,40,0.9\n2,-1,11,21,30,40,0.8,-1,-1,-1\n"
KITTI = "0 Car 10 20 40 60 0.9\n0 Pedestrian 1 2 3 9 0.5\n2 car 11 21 41 61 0.8\n"
COCO = json.dumps([
    {"image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 40], "score": 0.9},
    {"frame": 8, "category": "Car", "bbox": [11, 21, 30, 40], "score": 0.8},
])  # fmt: skip


def written(folder: Path, content: str, name: str = "a.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "form", "frames", "names"),
    [
        (MOT, Format.MOT, [1, 2], ("",)),
        (MOT.replace("\n", "\r\n\r\n").rstrip(), Format.MOT, [1, 2], ("",)),
        (KITTI, Format.KITTI, [0, 0, 2], ("Car", "Pedestrian")),
        (
            KITTI.replace("Car", "Car,_red").replace("car", "Car,_red"),
            Format.KITTI,
            [0, 0, 2],
            ("Car,_red", "Pedestrian"),
        ),
        (MOT.replace(",", " , "), Format.MOT, [1, 2], ("",)),
        ("\ufeff" + COCO, Format.COCO, [7, 8], ("3", "Car")),
    ],
    ids=[
        "mot",
        "windows, blank lines, no final newline",
        "kitti",
        "kitti with commas",
        "mot with blanks",
        "json with a mark",
    ],
)
def test_detections_are_read_in_the_format_they_are_seen_to_have(tmp_path, content, form, frames, names):
    found, seen = read(written(tmp_path, content), detections=True)
    assert (seen, found.frames.tolist(), found.names) == (form, frames, names)
    np.testing.assert_allclose(found.boxes_xyxy[0], [10, 20, 40, 60])
    assert found.scores[0] == 0.9


@pytest.mark.parametrize("form", list(Format))
def test_tracks_written_are_read_back(tmp_path, form):
    content = {Format.MOT: MOT, Format.KITTI: KITTI, Format.COCO: COCO}[form]
    found, _ = read(written(tmp_path, content), detections=True)
    found.ids[:] = np.arange(len(found)) + 5
    again, seen = read(written(tmp_path, text(found, form), "b.txt"), detections=False)
    assert seen is form
    for column in ("frames", "ids", "boxes_xyxy", "scores"):
        np.testing.assert_array_equal(getattr(again, column), getattr(found, column))
    assert [again.names[kind] for kind in again.classes] == [found.names[kind] for kind in found.classes]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1,-1,1,1,1\n", "line 1: 5 fields given; a MOTChallenge row has 7 to 10"),
        (MOT + "3,-1,10,x,30,40,0.9\n", "line 3, field 4 (top): 'x' is not a finite number"),
        (MOT + "3,-1,10,20,-30,40,0.9\n", "line 3, field 5 (width): -30 given; a negative box"),
        (MOT + "3,-1,nan,20,30,40,0.9\n", "line 3, field 3 (left): 'nan' is not a finite number"),
        (MOT + "2.5,-1,10,20,30,40,0.9\n", "line 3, field 1 (frame): 2.5 given; a whole number from 0 up"),
        (MOT + "3,-1,10,20,30,40,90\n", "line 3, field 7 (score): 90 given; a score is 0 to 1"),
        (MOT + "\n1,-1,10,20,30,40,0.9\n", "line 4, field frame: 1 given after 2; detections come frame by frame"),
        (MOT + "3,-1,1e9,20,30,40,0.9\n", "line 3, field 3 (left): 1e+09 given; pixels"),
        (KITTI + "3 Car 11 21 41\n", "line 4: 5 fields given; a KITTI detection row has 7"),
        (KITTI + "3 Car 11 21 9 61 0.8\n", "line 4, field 5 (right): 9 given; a negative box"),
        (KITTI + "3 Car 1_0 20 40 60 0.9\n", "line 4, field 3 (left): '1_0' is not a finite number"),
        (KITTI + "3 Car 10 20 40 60 1.0000001\n", "line 4, field 7 (score): 1.0000001 given; a score is 0 to 1"),
        ("3 1 Car 1e300 0 0 1 1 9 9 1 1 1 1 1 1 0 0.9\n", "line 1, field 4 (truncated): 1e300 given; at most"),
        ("[3]", "a.txt[0]: is no object"),
        ("[\n\n\n oops]", "is no JSON: Expecting value: line 4 column 2"),
        (COCO.replace("0.9", "9" * 400), "a.txt[0], field score: 99"),
        ("[{}", "is no JSON"),
        ('{"a": 1}', "is no list"),
        ('[{"frame": 0, "bbox": [1, 2, 3, 4]}]', "a.txt[0]: lacks score"),
        ('[{"frame": 0, "bbox": [1, 2, -3, 4], "score": 1}]', "a.txt[0], field bbox: [1, 2, -3, 4] is not"),
        ('[{"frame": "x", "bbox": [1, 2, 3, 4], "score": 1}]', "a.txt[0], field frame: 'x' is not a finite number"),
        (COCO.replace('"Car"', "null"), "a.txt[1], field category: null given; a class is a whole number or a word"),
        (COCO.replace(": 3", ": null"), "a.txt[0], field category_id: null given; a class is a whole number or a word"),
        (COCO.replace(": 3", ": true"), "a.txt[0], field category_id: true given; a class is a whole number or a word"),
        (COCO.replace("7", "9"), "a.txt[1], field frame: 8 given after 9"),
        ("a b c\n", "is neither MOTChallenge (commas), KITTI"),
    ],
)
def test_the_first_bad_row_is_named_with_line_and_field(tmp_path, content, words):
    with pytest.raises(BadFile) as bad:
        read(written(tmp_path, content), detections=True)
    assert words in str(bad.value)
    assert "a.txt" in str(bad.value)


@pytest.mark.parametrize("name", ["a\u2028b", "a\x85b", "007", "\u0663", "-1-2"])
def test_class_of_a_list_stays_the_word_it_was(tmp_path, name):
    """Line ends of Unicode may stand in JSON as they are; and not all that Python takes for a number is one."""
    row = {"frame": 1, "track_id": 4, "category": name, "bbox": [1, 2, 3, 4], "score": 0.5}
    tracks, _ = read(written(tmp_path, json.dumps([row], ensure_ascii=False)), detections=False)
    assert json.loads(text(tracks, Format.COCO))[0]["category"] == name


def test_class_of_a_list_that_was_a_number_stays_one(tmp_path):
    row = {"frame": 1, "track_id": 4, "category_id": -3, "bbox": [1, 2, 3, 4], "score": 0.5}
    tracks, _ = read(written(tmp_path, json.dumps([row])), detections=False)
    assert json.loads(text(tracks, Format.COCO))[0]["category_id"] == -3


def test_a_file_that_is_no_text_or_not_there_is_named(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadFile, match=r"a\.txt: is no text file"):
        read(tmp_path / "a.txt", detections=True)
    with pytest.raises(BadFile, match=r"b\.txt: cannot be read: No such file"):
        read(tmp_path / "b.txt", detections=True)


def test_pipe_gives_its_rows_though_it_can_be_read_once(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    with ThreadPoolExecutor(1) as pool:
        pool.submit((tmp_path / "a.txt").write_text, KITTI)
        found, form = read(tmp_path / "a.txt", detections=True)
    assert (form, len(found)) == (Format.KITTI, 3)


@pytest.mark.parametrize(
    "region",
    ["0 DontCare 1 1 9 9 0.9\n", "0 -1 DontCare -1 -1 -10 1 1 9 9 -1 -1 -1 -1000 -1000 -1000 -10 0.9\n"],
    ids=["7 fields", "18 fields"],
)
def test_region_nobody_labelled_is_no_detection(tmp_path, region):
    found, _ = read(written(tmp_path, region + KITTI), detections=True)
    assert found.names == ("Car", "Pedestrian")


def test_truth_may_be_sorted_by_object(tmp_path):
    """MOTChallenge sorts its truth so."""
    truth, _ = read(written(tmp_path, "2,1,1,1,1,1,1\n1,1,1,1,1,1,1\n1,2,1,1,1,1,1\n"), detections=False)
    assert (truth.frames.tolist(), truth.ids.tolist()) == ([1, 1, 2], [1, 2, 1])


def test_kitti_truth_keeps_what_its_rules_ask_for(tmp_path):
    row = "3 7 Van 1 3 -1.5 10 20 40 60 1.5 1.6 4.0 1 1.7 20 0.1"
    truth, form = read(written(tmp_path, row), detections=False)
    assert form is Format.KITTI
    assert (truth.ids[0], truth.truncated[0], truth.occluded[0], truth.names) == (7, 1, 3, ("Van",))
