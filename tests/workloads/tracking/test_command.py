"""The two commands, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from workloads.tracking.__main__ import main


def detections(folder: Path, frames: range = range(1, 4), name: str = "det.txt") -> Path:
    path = folder / name
    path.write_text("".join(f"{frame},-1,10,20,30,60,0.9,-1,-1,-1\n" for frame in frames))
    return path


def run(folder: Path, *more: str, found: Path | None = None, out: str = "tracks.txt") -> int:
    found = found or detections(folder)
    return main(["run", "--detections", str(found), "--out", str(folder / "out" / out), *more])


def test_tracks_are_written_in_the_format_of_the_detections(tmp_path, capsys):
    assert run(tmp_path) == 0
    lines = (tmp_path / "out" / "tracks.txt").read_text().splitlines()
    assert lines == [f"{frame},1,10.000,20.000,30.000,60.000,0.9,-1,-1,-1" for frame in (1, 2, 3)]
    assert "1 tracks in 3 boxes, of 3 detections in 3 frames" in capsys.readouterr().out


def test_a_gap_longer_than_the_buffer_ends_a_track(tmp_path):
    """Frames without a detection are frames: after 29 the number returns, with a buffer of 20 it does not."""
    found = tmp_path / "gap.txt"
    rows = "".join(f"{frame},-1,10,20,30,60,0.9\n" for frame in (1, 2, 32, 33))
    found.write_text(rows)
    for more, expected in ((), ["1"] * 4), (("--track-buffer", "20"), ["1", "1", "2"]):
        assert run(tmp_path, *more, found=found) == 0
        lines = (tmp_path / "out" / "tracks.txt").read_text().splitlines()
        assert [line.split(",")[1] for line in lines] == expected


def test_json_report_holds_counts_and_the_settings_used(tmp_path, capsys):
    assert run(tmp_path, "--json", "--preset", "mot17", "--track-thresh", "0.7", "--max-aspect", "none") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["frames"], report["tracks"], report["rows"], report["format"]) == (3, 1, 3, "mot")
    settings = report["settings"]
    assert [settings[name] for name in ("track_thresh", "match_thresh", "max_aspect")] == [0.7, 0.9, None]


@pytest.mark.parametrize(
    ("out_format", "out"), [("mot", "tracks.csv"), ("kitti", "tracks.txt"), ("coco", "tracks.JSON"), ("coco", "tracks")]
)
def test_kitti_detections_keep_wide_cars_and_can_be_written_in_any_format(tmp_path, out_format, out):
    found = tmp_path / "0001.txt"
    found.write_text("0 Car 0 0 100 30 0.9\n1 Car 1 0 101 30 0.9\n")
    assert run(tmp_path, "--out-format", out_format, "--boxes", "detected", found=found, out=out) == 0
    content = (tmp_path / "out" / out).read_text()
    if out_format == "coco":
        last = {"frame": 1, "track_id": 1, "bbox": [1, 0, 100, 30], "score": 0.9, "category": "Car"}
        assert json.loads(content)[1] == last
    else:
        assert len(content.splitlines()) == 2


@pytest.mark.parametrize(("name", "content"), [("det.txt", ""), ("det.txt", "\n\n"), ("det.json", "[]")])
def test_no_detection_gives_an_empty_result_and_says_so(tmp_path, capsys, name, content):
    (tmp_path / name).write_text(content)
    assert run(tmp_path, found=tmp_path / name, out=name) == 0
    assert "holds no detection; the result is empty" in capsys.readouterr().out
    assert (tmp_path / "out" / name).read_text() == ("[]\n" if name.endswith("json") else "")


def test_a_detection_without_an_area_is_passed_over_and_counted(tmp_path, capsys):
    found = detections(tmp_path)
    found.write_text(found.read_text() + "4,-1,10,20,0,60,0.9\n")
    assert run(tmp_path, found=found) == 0
    assert "1 detections without an area were passed over" in capsys.readouterr().out


def test_boxes_held_back_for_their_shape_are_counted(tmp_path, capsys):
    """MOTChallenge is about people: a box of 60 x 30 is followed, and not given out."""
    found = detections(tmp_path)
    found.write_text(found.read_text().replace("30,60", "60,30"))
    assert run(tmp_path, found=found) == 0
    assert "3 boxes were followed but not given out: they are smaller than 10 px^2 or wider" in capsys.readouterr().out
    assert run(tmp_path, "--max-aspect", "none", "--json", found=found) == 0
    assert json.loads(capsys.readouterr().out)["withheld"] == 0


def test_film_is_written_beside_the_tracks(tmp_path, capsys):
    (tmp_path / "img1").mkdir()
    for frame in (1, 2, 3):
        cv2.imwrite(str(tmp_path / "img1" / f"{frame:06}.jpg"), np.zeros((90, 120, 3), np.uint8))
    film = tmp_path / "film.mp4"
    assert run(tmp_path, "--images", str(tmp_path / "img1"), "--video", str(film), "--json") == 0
    assert json.loads(capsys.readouterr().out)["video_frames"] == 3
    assert film.stat().st_size > 500


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--track-thresh", "1.5"), "track_thresh: 1.5 given; choose from 0 to 1"),
        (("--track-buffer", "2.5"), "track_buffer: 2.5 given; a whole number of frames"),
        (("--track-buffer", "nan"), "track_buffer: nan given; a whole number of frames"),
        (("--track-buffer", "inf"), "track_buffer: inf given; a whole number of frames"),
        (("--max-aspect", "wide"), "max_aspect: 'wide' given; a number, or none"),
        (("--video", "film.mp4"), "--images and --video go together"),
        (("--images", ".", "--video", "film.avi"), "--video: film.avi given; a film is an MP4: choose a name that"),
        (("--out-format", "coco"), "tracks.txt given; the tracks are written as coco (--out-format): choose a name"),
        (("--format", "kitti"), "det.txt, line 1: 1 fields given; a KITTI detection row has 7"),
    ],
)
def test_a_mistake_is_one_line_and_exit_two(tmp_path, capsys, more, words):
    assert run(tmp_path, *more) == 2
    told = capsys.readouterr().err
    assert words in told
    assert len(told.splitlines()) == 1


def test_name_that_belongs_to_another_format_leaves_nothing_behind(tmp_path, capsys):
    assert run(tmp_path, out="tracks.json") == 2
    assert "tracks.json given; the tracks are written as mot (--out-format): choose a name that ends in .txt or .csv" \
        in capsys.readouterr().err  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_output_that_cannot_be_written_is_said(tmp_path, capsys):
    (tmp_path / "out").touch()
    assert run(tmp_path) == 2
    assert "tracks.txt: cannot be written" in capsys.readouterr().err


def test_class_that_no_text_can_hold_is_said(tmp_path, capsys):
    row = {"bbox": [10, 20, 30, 60], "score": 0.9, "category": "\ud800"}
    found = tmp_path / "det.json"
    found.write_text(json.dumps([row | {"frame": frame} for frame in range(3)]))
    assert run(tmp_path, "--out-format", "kitti", found=found) == 2
    assert r"a class holds '\ud800', which is no character" in capsys.readouterr().err


def test_evaluate_prints_a_table_or_json(tmp_path, capsys):
    assert run(tmp_path) == 0
    truth = tmp_path / "out" / "tracks.txt"
    capsys.readouterr()
    assert main(["evaluate", "--truth", str(truth), "--tracks", str(truth), "--rules", "mot", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["results"]["COMBINED_SEQ"]["pedestrian"]["HOTA"] == pytest.approx(1)
    assert main(["evaluate", "--truth", str(truth), "--tracks", str(truth)]) == 0
    assert "pedestrian    100.00" in capsys.readouterr().out
    assert main(["evaluate", "--truth", str(truth), "--tracks", str(tmp_path / "none.txt")]) == 2
    assert "none.txt: there is no such file or folder" in capsys.readouterr().err
