"""The commands: what they print, and one line where something is wrong."""

from __future__ import annotations

import json

import pytest

from workloads.kitti.__main__ import main

BOX = "10.00 5.00 30.00 15.00"


def test_convert_and_restore_tell_what_they_did(kitti_tree, kitti_rows, capsys):
    tree = kitti_tree().frame("000001", [kitti_rows["car"], kitti_rows["van"]]).frame("000002", [kitti_rows["cyclist"]])
    out = tree.root / "coco"
    assert main(["convert", "--root", str(tree.root), "--out", str(out), "--classes", "Cyclist,Car", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["images"], told["annotations"], told["left_out"], told["bad_frames"]) == (2, 3, 0, [])
    assert told["class_policy"]["types"]["Van"]["as"] == "Car"
    document = json.loads((out / "annotations.json").read_text())
    assert [one["name"] for one in document["categories"]] == ["Cyclist", "Car"]
    assert main(["restore", "--coco", str(out), "--out", str(out)]) == 0
    assert "2 files" in capsys.readouterr().out
    assert (out / "label_2" / "000001.txt").read_bytes() == tree.label("000001").read_bytes()


def test_frame_that_cannot_be_masked_leaves_every_count(kitti_tree, kitti_rows, capsys):
    tree = kitti_tree().frame("000001").frame("000002", [kitti_rows["car"], kitti_rows["van"]])
    tree.image("000002").write_bytes(tree.image("000002").read_bytes()[:-20])
    out = tree.root / "coco"
    assert main(["convert", "--root", str(tree.root), "--out", str(out), "--masking", "plates", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    document = json.loads((out / "annotations.json").read_text())
    assert (told["images"], told["annotations"]) == (len(document["images"]), len(document["annotations"])) == (1, 1)
    assert [one["frame"] for one in told["bad_frames"]] == ["000002"]
    for report in (told["class_policy"], document["info"]["class_policy"]):
        assert {word: facts["boxes"] for word, facts in report["types"].items()} == {"Car": 1}
    assert sorted(path.name for path in out.rglob("*")) == ["000001.jpg", "annotations.json", "images"]
    assert document["images"] == [{"id": 1, "file_name": "000001.jpg", "height": 20, "width": 40,
                                   "masked": {"plates": 0}}]  # fmt: skip


def test_masking_that_stops_leaves_no_images(kitti_tree, capsys):
    tree = kitti_tree().frames(3)
    for name in ("000001", "000002"):
        content = bytearray(tree.image(name).read_bytes())
        content[60:70] = bytes(10)  # damaged within: the header and the end are right
        tree.image(name).write_bytes(content)
    out = tree.root / "coco"
    assert main(["convert", "--root", str(tree.root), "--out", str(out), "--masking", "plates"]) == 2
    assert "2 of 3 frames are bad" in capsys.readouterr().err
    assert list(out.rglob("*")) == []


@pytest.mark.parametrize("box", ["-9 -9 -1 -1", "40.00 5.00 60.00 15.00", "1e300 5 1e300 15"])
def test_box_beside_its_image_is_refused_as_prepare_does(kitti_tree, kitti_rows, capsys, box):
    tree = kitti_tree().frame("000001").frame("000002", [kitti_rows["van"], kitti_rows["car"].replace(BOX, box)])
    assert main(["convert", "--root", str(tree.root), "--out", str(tree.root / "coco"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (bad,) = told["bad_frames"]
    assert bad["reason"].startswith("training/label_2/000002.txt, line 2: the box [")
    assert "lies outside the image (40 x 20 pixels)" in bad["reason"]
    assert (told["images"], list(told["class_policy"]["types"])) == (1, ["Car"])


def test_box_without_a_finite_area_is_skipped_and_counted(kitti_tree, capsys):
    tree = kitti_tree().frame("000001").frame("000002", ["Car 0 0 0 -1e308 1 1e308 9 1 1 1 1 1 9 0"])
    assert main(["convert", "--root", str(tree.root), "--out", str(tree.root / "coco"), "--json"]) == 0
    (bad,) = json.loads(capsys.readouterr().out)["bad_frames"]
    assert bad["reason"] == "training/label_2/000002.txt, line 1: the box [-1e+308, 1, 1e+308, 9] has no finite area"
    assert "null" not in (tree.root / "coco" / "annotations.json").read_text()


def test_image_that_is_cut_short_is_skipped_without_decoding(kitti_tree, capsys):
    tree = kitti_tree().frame("000001").frame("000002").frame("000003", suffix=".jpg")
    for path in (tree.image("000002"), tree.image("000003").with_suffix(".jpg")):
        path.write_bytes(path.read_bytes()[:-20])
    out = str(tree.root / "coco")
    assert main(["convert", "--root", str(tree.root), "--out", out, "--max-bad-share", "0.9", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [("cut short" in one["reason"], one["frame"]) for one in told["bad_frames"]] == [
        (True, "000002"), (True, "000003")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("left", "alpha", "reason"),
    [("-5", "0.1", "no detection has the fields it needs"), ("1", "-10", "it needs an alpha in every result")],
    ids=["boxes outside alone", "no alpha"],
)
def test_why_orientation_is_not_judged_is_said(tmp_path, capsys, left, alpha, reason):
    for folder, score in (("labels", ""), ("results", " 0.5")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "000001.txt").write_text(f"Car 0 0 {alpha} {left} 1 99 99 1 1 1 1 1 9 0{score}\n")
    assert main(["evaluate", "--labels", str(tmp_path / "labels"), "--results", str(tmp_path / "results")]) == 0
    assert f"car         aos     not computed: {reason}\n" in capsys.readouterr().out


def test_class_without_a_box_is_refused_where_it_was_asked_for(kitti_tree, capsys):
    tree = kitti_tree().frames(2)
    out = tree.root / "coco"
    assert main(["convert", "--root", str(tree.root), "--out", str(out), "--classes", "Car,Foo"]) == 2
    assert "Foo has no box in the data; there are Car (2), Pedestrian (2)" in capsys.readouterr().err
    assert not out.exists()


def test_bad_labels_are_counted_to_the_last(kitti_tree, capsys):
    tree = kitti_tree().frames(4, ["Car 1 2"]).frame("000000")
    assert main(["convert", "--root", str(tree.root), "--out", str(tree.root / "coco")]) == 2
    assert "dataset: 3 of 4 frames are bad" in capsys.readouterr().err


def test_one_bad_frame_of_several_is_skipped_and_said_in_one_line(kitti_tree, kitti_rows, capsys):
    tree = kitti_tree().frame("000001").frame("000002", [kitti_rows["car"].rsplit(" ", 1)[0]])
    assert main(["convert", "--root", str(tree.root), "--out", str(tree.root / "coco")]) == 0
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning == "warning: skipped frame 000002: training/label_2/000002.txt, line 1: 14 fields given; " \
                      "a label row has 15"  # fmt: skip
    assert len(json.loads((tree.root / "coco" / "annotations.json").read_text())["images"]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["convert", "--root", "{root}", "--out", "{root}/o"],
            "only frame is bad: training/label_2/000001.txt, line 2",
        ),
        (["convert", "--root", "{root}/nothing", "--out", "{root}/o"], "no KITTI tree"),
        (["convert", "--root", "{root}", "--out", "{root}/o", "--classes", "DontCare"], "cannot be a class"),
        (["inspect", "--root", "{root}", "--frame", "000001"], "line 2, field 7 (right): 5 given; a negative box"),
        (["convert", "--root", "{root}", "--out", "{root}/ImageSets", "--max-bad-share", "2"], "choose 0 to 1"),
        (["restore", "--coco", "{root}/none.json", "--out", "{root}"], "cannot be read"),
    ],
)
def test_mistake_is_one_line_and_code_2(kitti_tree, kitti_rows, capsys, arguments, words):
    tree = kitti_tree().frame("000001", [kitti_rows["car"], kitti_rows["car"].replace("30.00", "5.00")])
    assert main([word.format(root=tree.root) for word in arguments]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("warning")]
    assert line.startswith("error: ")
    assert words in line


def test_inspect_prints_json(kitti_tree, capsys):
    assert main(["inspect", "--root", str(kitti_tree().frame("000001").root), "--frame", "000001", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["objects"][0]["type"] == "Car"


def test_folder_that_cannot_be_written_is_one_line(kitti_tree, capsys):
    tree = kitti_tree().frame("000001")
    (tree.root / "file").touch()
    assert main(["convert", "--root", str(tree.root), "--out", str(tree.root / "file" / "out")]) == 2
    assert "cannot be written" in capsys.readouterr().err
