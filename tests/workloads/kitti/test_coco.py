"""KITTI to COCO and back: what the numbers become, and that nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.kitti import coco
from workloads.kitti.coco import Picture, read_good_labels, select, to_coco
from workloads.kitti.conversion import convert
from workloads.kitti.layout import find_layout
from workloads.kitti.mistakes import BadFile
from workloads.kitti.objects import read_rows_of
from workloads.kitti.policy import ClassPolicy
from workloads.kitti.restoring import label_texts, restore

FIXTURE = Path(__file__).parents[4] / "shared" / "data" / "kitti_object"
CAR = "Car 0 0 0 1 1 9 9 1 1 1 1 1 9 0"


def of_text(text: bytes, policy: ClassPolicy | None = None) -> dict:
    return to_coco(read_rows_of(text, Path("000007.txt")), [Picture(7, "000007.png", (375, 1242))],
                   policy or ClassPolicy())  # fmt: skip


def test_row_becomes_an_annotation_with_all_its_fields(kitti_rows):
    """20 x 10 pixels at (10, 5); every number as it is written."""
    document = of_text(kitti_rows["car"].encode())
    assert document["images"] == [{"id": 7, "file_name": "000007.png", "height": 375, "width": 1242,
                                   "kitti_separators": ["", ""]}]  # fmt: skip
    assert document["annotations"] == [{
        "id": 1, "image_id": 7, "category_id": 1, "bbox": [10, 5, 20, 10], "area": 200, "iscrowd": 0,
        "truncated": 0, "occluded": 0, "alpha": -1.57, "dimensions": [1.5, 1.6, 3.9], "location": [1, 1.7, 20],
        "rotation_y": -1.55, "kitti_type": "Car", "kitti_line": 1, "kitti_row": kitti_rows["car"],
    }]  # fmt: skip
    assert document["categories"] == [
        {"id": 1, "name": "Car"}, {"id": 2, "name": "Pedestrian"}, {"id": 3, "name": "Cyclist"}
    ]  # fmt: skip


def test_differences_carry_no_dust_of_binary_fractions():
    """629.75 - 599.41 is 30.340000000000032 in float64."""
    row = b"Car 0 0 0 599.41 156.40 629.75 189.25 1 1 1 1 1 9 0\n"
    assert of_text(row)["annotations"][0]["bbox"] == [599.41, 156.4, 30.34, 32.85]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [("Van", 1, 1)]),
        ({"similar": "merge"}, [("Van", 1, 0)]),
        ({"similar": "drop"}, []),
        ({"classes": ("Pedestrian",)}, []),
        ({"classes": ("Van", "Car")}, [("Van", 1, 0)]),
    ],
)
def test_van_is_what_the_policy_says(kitti_rows, settings, expected):
    document = of_text(kitti_rows["van"].encode() + b"\n", ClassPolicy(**settings))
    found = [(one["kitti_type"], one["category_id"], one["iscrowd"]) for one in document["annotations"]]
    assert found == expected
    assert len(document["kitti_left_out"]) == (not expected)


def test_dont_care_is_a_region_that_every_class_ignores(kitti_rows):
    """COCO's evaluators match within a category: one region alone would excuse one class."""
    document = of_text(kitti_rows["dont_care"].encode() + b"\n")
    assert [(one["category_id"], one["iscrowd"]) for one in document["annotations"]] == [(1, 1), (2, 1), (3, 1)]
    dropped = of_text(kitti_rows["dont_care"].encode() + b"\n", ClassPolicy(dont_care="drop"))
    assert (dropped["annotations"], len(dropped["kitti_left_out"])) == ([], 1)


def test_unknown_and_empty_boxes_are_kept_aside_and_counted():
    rows = b"Unicorn 0 0 0 1 1 9 9 1 1 1 1 1 9 0\nCar 0 0 0 5 5 5 9 1 1 1 1 1 9 0\n"
    document = of_text(rows)
    assert document["annotations"] == []
    reasons = [(one["kitti_type"], one["reason"]) for one in document["kitti_left_out"]]
    assert reasons == [("Unicorn", "no class of this data set"), ("Car", "empty box")]
    assert document["info"]["class_policy"]["types"]["Unicorn"]["use"] == "left_out"


def test_class_may_be_a_word_kitti_does_not_know():
    document = of_text(b"BUS 0 0 0 1 1 9 9 1 1 1 1 1 9 0\n", ClassPolicy(("Bus",)))
    assert [one["category_id"] for one in document["annotations"]] == [1]


NUMBER = st.decimals(-999, 999, places=2).map(str) | st.sampled_from(["1e1", "+3", ".5", "7.", "-0.00"])
ROW = st.tuples(
    st.sampled_from(["Car", "car", "Van", "DontCare", "Tram", "Person_sitting", "Ünïcorn", "x\"\\y"]),
    st.sampled_from([" ", "  ", "\t"]), st.lists(NUMBER, min_size=3, max_size=3),
    st.floats(0, 50).map(lambda value: f"{value:.3f}"),
).map(lambda parts: parts[1].join([parts[0], "0.5", "-1", parts[2][0], parts[3], "1.0", "60", "80.5", "1", "1", "-1",
                                   *parts[2], "0"]))  # fmt: skip


@given(st.lists(st.tuples(ROW, st.sampled_from(["\n", "\r\n", " \n", "\n\n", "\n  \n"])), max_size=6),
       st.sampled_from(["", "\n", " ", "\ufeff", "\ufeff\r\n"]), st.booleans())  # fmt: skip
def test_any_readable_file_comes_back_byte_for_byte(rows, start, cut):
    text = start + "".join(row + end for row, end in rows)
    text = text.rstrip() if cut else text
    document = json.loads(json.dumps(of_text(text.encode())))
    assert label_texts(document, Path("a.json")) == {"000007": text}


def test_byte_order_mark_is_no_part_of_the_first_type(kitti_rows):
    document = of_text(b"\xef\xbb\xbf" + kitti_rows["car"].encode() + b"\r\n")
    assert [(one["kitti_type"], one["kitti_line"]) for one in document["annotations"]] == [("Car", 1)]


@given(st.lists(ROW, min_size=1, max_size=8), st.sampled_from(["ignore", "merge", "drop"]), st.integers(1, 3))
def test_fast_half_writes_what_the_readable_one_says(rows, similar, classes):
    """Read back, both give equal numbers of equal types."""
    policy = ClassPolicy(("Van", "Car", "Tram")[:classes], similar)
    objects = read_rows_of("\n".join(rows).encode(), Path("000007.txt"))
    pictures = [Picture(7, "000007.png", (375, 1242))]
    decided = coco.decide(objects, pictures, policy)
    expected: list[dict] = []
    for row in range(len(objects)):
        for copy in range(decided.copies[row]):
            expected.append(coco.annotation(objects, decided, row, copy, len(expected) + 1))
    assert repr(to_coco(objects, pictures, policy)["annotations"]) == repr(json.loads(json.dumps(expected)))


@pytest.mark.parametrize("byte", [0, 127])
def test_control_byte_in_a_number_is_refused(byte):
    row = b"Car 0 0 0 1 1 9" + bytes([byte]) + b"9 1 1 1 1 1 9 0"
    with pytest.raises(BadFile, match="line 1"):
        read_rows_of(row, Path("a.txt"))


@pytest.mark.parametrize("text", [bytes(40), CAR.encode() + b"\n" + bytes(3), b"C\0" + CAR[1:].encode()])
def test_zero_byte_is_refused_with_its_line(text):
    """A file that a crash left full of zeros is no frame without objects."""
    line = 1 + text[: text.index(0)].count(b"\n")
    with pytest.raises(BadFile, match=f"a.txt, line {line}: holds a zero byte"):
        read_rows_of(text, Path("a.txt"))


@pytest.mark.parametrize("byte", [11, 12, 28])
def test_strange_blank_separates_as_in_python(byte):
    row = b"Car 0 0 0 1 2 9" + bytes([byte]) + b"8 1 1 1 1 1 9 0"
    assert read_rows_of(row, Path("a.txt")).boxes.tolist() == [[1, 2, 9, 8]]


@pytest.mark.parametrize("blank", ["\u00a0", "\u0085", "\u2028", "\u3000"])
def test_type_with_a_blank_of_unicode_is_one_word_on_both_ways(blank):
    """The fast reader goes by bytes; `str.split` would make a Car and a further field of it."""
    text = CAR.replace("Car", f"Car{blank}park") + "\n"
    document = of_text(text.encode())
    assert document["annotations"] == []
    assert [one["kitti_type"] for one in document["kitti_left_out"]] == [f"Car{blank}park"]
    assert label_texts(document, Path("a.json")) == {"000007": text}


@pytest.mark.parametrize("number", ["1_0", "\u0661"], ids=["underscore", "arabic digit"])
def test_number_of_pythons_own_spelling_is_refused(number):
    with pytest.raises(BadFile, match=r"line 1, field 7 \(right\): .* is not a finite number"):
        read_rows_of(CAR.replace(" 9 9 ", f" {number} 9 ").encode(), Path("a.txt"))


def test_picture_given_as_a_label_is_refused(kitti_tree):
    path = kitti_tree().frame("000001").image("000001")
    with pytest.raises(BadFile, match="line 1"):
        read_rows_of(path.read_bytes(), path)


def test_real_labels_come_back_byte_for_byte(tmp_path):
    if not FIXTURE.is_dir():
        pytest.skip("shared/data/kitti_object is not beside the project")
    converted, bad = convert(FIXTURE, tmp_path, ClassPolicy(similar="merge"))
    assert (converted.images, len(bad)) == (11, 0)
    assert restore(tmp_path / "annotations.json", tmp_path) == 11
    for path in (FIXTURE / "training" / "label_2").iterdir():
        assert (tmp_path / "label_2" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("far", ["-1e13", "-1e308", "-123456789012345.25"])
def test_box_that_reaches_far_is_not_taken_for_a_moved_one(far):
    """Its left and its width no longer give its right to a pixel."""
    text = CAR.replace(" 1 1 9 9 ", f" {far} 1 9.25 9 ") + "\n"
    assert label_texts(of_text(text.encode()), Path("a.json")) == {"000007": text}


def test_box_that_was_moved_is_written_into_its_row(kitti_rows):
    document = of_text((kitti_rows["car"] + "\n" + kitti_rows["van"] + "\n").encode())
    document["annotations"][0]["bbox"] = [11.5, 5, 20, 10]
    first, second = label_texts(document, Path("a.json"))["000007"].splitlines()
    assert first == kitti_rows["car"].replace("10.00 5.00 30.00 15.00", "11.50 5.00 31.50 15.00")
    assert second == kitti_rows["van"]


def test_annotations_of_another_tool_get_kittis_placeholders():
    document = {"images": [{"id": 1, "file_name": "a/000009.jpg"}], "categories": [{"id": 4, "name": "Car"}],
                "annotations": [{"image_id": 1, "category_id": 4, "bbox": [1, 2, 3, 4]},
                                {"image_id": 1, "category_id": 4, "bbox": [0, 0, 9, 9], "iscrowd": 1}]}  # fmt: skip
    assert label_texts(document, Path("a.json")) == {
        "000009": "Car -1 -1 -10 1.00 2.00 4.00 6.00 -1 -1 -1 -1000 -1000 -1000 -10\n"
        "DontCare -1 -1 -10 0.00 0.00 9.00 9.00 -1 -1 -1 -1000 -1000 -1000 -10\n"
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", r"a\.json, line 1: no valid JSON"),
        (b"[]", "no COCO document"),
        (b'{"images": [{"id": 1}], "annotations": [], "categories": []}', "without file_name"),
        (b'{"images": [], "annotations": [{"image_id": 3}], "categories": []}', r"there is no image 3"),
        (b'{"images": [{"id": 1, "file_name": "1.png"}], "annotations": [{"image_id": 1, "category_id": 1, "bbox": '
         b'[1]}], "categories": [{"id": 1, "name": "Car"}]}', "four finite numbers"),
        (b'{"images": [], "annotations": [], "categories": []}', r"a\.json: names no image"),
        (b'{"images": [{"id": 1, "file_name": null}], "annotations": [], "categories": []}', "without file_name"),
        (b'{"images": [{"id": 1, "file_name": "a\\u0000.png"}], "annotations": [], "categories": []}', "cannot name a"),
        (b'{"images": [{"id": 1, "file_name": "\\ud800.png"}], "annotations": [], "categories": []}', "cannot name a"),
        (b'{"images": [{"id": 1, "file_name": "1", "kitti_separators": 5}], "annotations": [], "categories": []}',
         r"id 1: kitti_separators: 5 are not the blanks"),
        (b'{"images": [{"id": 1, "file_name": "1", "kitti_separators": ["a"]}], "annotations": [], "categories": []}',
         r"id 1: kitti_separators: \['a'\] are not the blanks"),
        (b'{"images": [], "annotations": [], "categories": [], "kitti_left_out": 5}', "kitti_left_out is no list"),
        (b'{"images": [], "annotations": [], "categories": [], "kitti_left_out": [5]}',
         r"kitti_left_out\[0\]: 5 is no object"),
        (b'{"images": [], "annotations": [], "categories": [], "kitti_left_out": [{"image_id": [1]}]}',
         r"kitti_left_out\[0\]: image_id: \[1\] is no whole number"),
        (b'{"images": [], "annotations": [], "categories": [{"id": 1}]}', r"categories\[0\]: lacks name"),
        (b"[" * 100_000, r"a\.json: .*too deeply"),
        (b"[" + b"1" * 5000 + b"]", r"a\.json: no valid JSON: Exceeds the limit"),
    ],
    ids=["cut", "list", "nameless", "no image", "short box", "nothing", "null name", "zero byte", "half a character",
         "number between", "text between", "left out number", "left out rows", "left out id", "category", "deep",
         "long number"],
)  # fmt: skip
def test_document_that_is_none_is_refused(tmp_path, content, words):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(BadFile, match=words):
        restore(tmp_path / "a.json", tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bbox": [1, 2, -3, 4]}, r"bbox \[1, 2, -3, 4\]: a negative box"),
        ({"bbox": [1, 2, float("nan"), 4]}, "bbox .* four finite numbers"),
        ({"bbox": [1, 2, 10**400, 4]}, "bbox .* four finite numbers"),
        ({"bbox": "1234"}, "bbox '1234': four finite numbers"),
        ({"category_id": 99}, "there is no category 99"),
        ({"id": 1}, r"1 is that of annotations\[0\] too"),
        ({"truncated": 7}, r"field 2 \(truncated\): 7 given"),
        ({"occluded": 1.7}, r"field 3 \(occluded\): 1.7 given"),
        ({"kitti_row": CAR.replace("C", "\ud800")}, "is no text that a file can hold"),
        ({"kitti_type": "\ud800"}, "is no text that a file can hold"),
        ({"location": ["left", 1, 2]}, "location, rotation_y must be numbers"),
        ({"kitti_row": "Car 1 2"}, "is no label row: 3 fields given"),
        ({"kitti_row": CAR + "\n" + CAR}, "is more than one row"),
        ({"kitti_line": "first"}, "'first' is no whole number"),
    ],
)
def test_annotation_that_gives_no_readable_row_is_refused_and_nothing_written(tmp_path, changes, words):
    good = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
    (tmp_path / "a.json").write_text(json.dumps({"images": [{"id": 1, "file_name": "1.png"}],
                                                 "annotations": [good, good | {"id": 2} | changes],
                                                 "categories": [{"id": 1, "name": "Car"}]}))  # fmt: skip
    with pytest.raises(BadFile, match=rf"a\.json, field annotations\[1\]: .*{words}"):
        restore(tmp_path / "a.json", tmp_path)
    assert not (tmp_path / "label_2").exists()


def test_bad_labels_are_found_and_the_others_kept(kitti_tree, kitti_rows):
    tree = kitti_tree().frame("000001").frame("000002", [kitti_rows["car"], "Car 1 2"]).frame("000003", b"Car \xff")
    tree.frame("000004", b"").frame("000005")
    tree.label("000005").unlink()
    layout = find_layout(tree.root)
    objects, bad = read_good_labels(layout, layout.frames)
    assert objects.frames == ("000001", "000004")
    assert {frame: (wrong.line, wrong.reason) for frame, wrong in bad.items()} == {
        "000002": (2, "3 fields given; a label row has 15"),
        "000003": (1, "2 fields given; a label row has 15"),
        "000005": (None, "there is no label file of frame 000005"),
    }


def test_part_of_a_document_keeps_its_own_rows(kitti_tree, kitti_rows):
    tree = kitti_tree().frame("000001", [kitti_rows["car"], "Tram 0 0 0 1 1 9 9 1 1 1 1 1 9 0"]).frame("000002")
    converted, _ = convert(tree.root, tree.root, ClassPolicy())
    part = select(converted.document(), {1: {"sha256": "x"}})
    assert [image["sha256"] for image in part["images"]] == ["x"]
    assert {one["image_id"] for one in part["annotations"] + part["kitti_left_out"]} == {1}
