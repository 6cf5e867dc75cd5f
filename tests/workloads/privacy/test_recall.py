"""The share of marked faces and plates that is found, on real frames and on tables."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from workloads.contract import UserError
from workloads.images.orientation import boxes_as_stored
from workloads.privacy.__main__ import main
from workloads.privacy.recall import covered_share_of, measure, read_image, read_marks, write_image

SHARED = Path(__file__).parents[4] / "shared" / "data"


def marked(name: str) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip(f"shared/data/{name} is not beside the project")
    return SHARED / name


def test_the_marked_face_is_found():
    folder = marked("faces")
    faces = measure(folder, read_marks(folder / "expected.json"))["kinds"]["faces"]
    assert (faces["found"], faces["marked"]) == (1, 1)
    assert faces["masked_area_share"] < 0.25


def test_all_four_marked_plates_are_found_without_masking_the_frame():
    """Two of the four are hard: one in deep shadow, one 27 px wide."""
    folder = marked("kitti_raw_seq")
    plates = measure(folder, read_marks(folder / "plates.json"))["kinds"]["plates"]
    assert (plates["found"], plates["marked"]) == (4, 4)
    assert plates["masked_area_share"] < 0.10


def test_covered_share_adds_up_several_boxes():
    box = np.array([0.0, 0, 10, 10])
    halves = np.array([[0, 0, 10, 4], [0, 4, 10, 8]])
    assert covered_share_of(box, halves) == pytest.approx(0.8, abs=0.02)
    assert covered_share_of(box, np.zeros((0, 4))) == 0


def test_marks_of_one_image_and_of_many(tmp_path):
    (tmp_path / "one.json").write_text(json.dumps({"image": "a.png", "plates_xyxy": [[1, 2, 3, 4]], "note": "by hand"}))
    (tmp_path / "many.json").write_text(
        json.dumps({"a.png": {"faces_xyxy": []}, "b.png": {"plates_xyxy": [[1, 2, 3, 4]]}})
    )
    assert list(read_marks(tmp_path / "one.json")["a.png"]) == ["plates"]
    many = read_marks(tmp_path / "many.json")
    assert {name: {kind: len(boxes) for kind, boxes in kinds.items()} for name, kinds in many.items()} == {
        "a.png": {"faces": 0},
        "b.png": {"plates": 1},
    }


def test_marks_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "marks.json").write_text('{"a.png": {"faces_xyxy": [[1, 2, 3, 4]]}}', encoding="utf-8-sig")
    assert list(read_marks(tmp_path / "marks.json")) == ["a.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "lie too deeply in one another"),
        ("[]", "a JSON object is needed"),
        ("{}", "holds no mark"),
        ('{"a.png": {"faces_xyxy": [[1, 2, 3]]}}', "a.png, faces_xyxy: a list of boxes of 4 numbers"),
        ('{"a.png": {"faces_xyxy": [[5, 2, 3, 4]]}}', "left < right"),
    ],
)
def test_bad_marks_are_refused(text, words, tmp_path):
    (tmp_path / "marks.json").write_text(text)
    with pytest.raises(UserError, match=words):
        read_marks(tmp_path / "marks.json")


def test_recall_command_counts_what_is_missed(tmp_path, capsys):
    """Nothing can be found in a plain image: the marked face is missed, nothing is masked."""
    cv2.imwrite(str(tmp_path / "plain.png"), np.full((60, 80, 3), 90, np.uint8))
    (tmp_path / "marks.json").write_text('{"plain.png": {"faces_xyxy": [[10, 10, 30, 30]]}}')
    assert main(["recall", "--images", str(tmp_path), "--truth", str(tmp_path / "marks.json"), "--json"]) == 0
    faces = json.loads(capsys.readouterr().out)["kinds"]["faces"]
    assert (faces["marked"], faces["found"], faces["recall"], faces["masked_area_share"]) == (1, 0, 0.0, 0.0)
    assert faces["missed"] == [{"image": "plain.png", "box_xyxy": [10, 10, 30, 30]}]
    assert main(["recall", "--images", str(tmp_path), "--truth", str(tmp_path / "marks.json")]) == 0
    assert "0 of 1 marked" in capsys.readouterr().out


def test_mask_command_writes_the_image_and_tells_the_boxes(tmp_path, capsys):
    image = np.full((60, 80, 3), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "in.png"), image)
    assert main(["mask", str(tmp_path / "in.png"), str(tmp_path / "out.png"), "--faces", "--plates"]) == 0
    assert json.loads(capsys.readouterr().out) == {"faces": [], "plates": []}
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "out.png")), image)


@pytest.mark.parametrize(("suffix", "orientation"), [(".jpg", 6), (".png", 8)])
def test_a_face_that_is_stored_on_its_side_is_masked_and_the_tag_stays(tmp_path, capsys, suffix, orientation):
    """The file is turned as a camera does it: other pixels, and a tag that makes every viewer show the same."""
    folder = marked("faces")
    marks = read_marks(folder / "expected.json")
    (name,) = marks
    seen, _ = read_image(folder / name)
    face = marks[name]["faces"]
    turned = np.rot90(seen, {6: 1, 8: -1}[orientation])
    write_image(tmp_path / f"in{suffix}", turned, orientation)
    assert main(["mask", str(tmp_path / f"in{suffix}"), str(tmp_path / f"out{suffix}"), "--faces"]) == 0
    boxes = np.array(json.loads(capsys.readouterr().out)["faces"])
    out, tag = read_image(tmp_path / f"out{suffix}")
    assert (tag, out.shape) == (orientation, turned.shape)
    (stored,) = boxes_as_stored(face, orientation, *turned.shape[:2])
    assert covered_share_of(stored, boxes) > 0.8
    left, top, right, bottom = stored.astype(int)
    assert np.abs(out.astype(int) - turned)[top:bottom, left:right].mean() > 20


def test_recall_of_a_turned_picture_is_that_of_the_upright_one(tmp_path):
    folder = marked("faces")
    ((name, kinds),) = read_marks(folder / "expected.json").items()
    seen, _ = read_image(folder / name)
    write_image(tmp_path / "turned.png", np.rot90(seen), 6)
    stored = boxes_as_stored(kinds["faces"], 6, *seen.shape[1::-1])
    faces = measure(tmp_path, {"turned.png": {"faces": stored}})["kinds"]["faces"]
    upright = measure(folder, {name: {"faces": kinds["faces"]}})["kinds"]["faces"]
    assert (faces["found"], faces["masked_area_share"]) == (1, pytest.approx(upright["masked_area_share"], abs=1e-3))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mask", "in.png", "out.png"], "nothing to mask"),
        (["mask", "absent.png", "out.png", "--faces"], "absent.png: cannot be read"),
        (["mask", "text.png", "out.png", "--faces"], "text.png"),
        (["mask", "in.png", "out.gif", "--faces"], "ends in .png or .jpg"),
        (["mask", "in.png", "absent/out.png", "--faces"], "cannot be written"),
        (["recall", "--images", ".", "--truth", "absent.json"], "absent.json: cannot be read"),
    ],
)
def test_bad_input_ends_with_one_line(arguments, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("in.png", np.full((20, 20, 3), 90, np.uint8))
    Path("text.png").write_text("no image")
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
