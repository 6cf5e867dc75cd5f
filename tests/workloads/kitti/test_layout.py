"""Where KITTI's folders are found, and what lists say."""

from __future__ import annotations

import pytest

from workloads.kitti.layout import find_layout, is_kitti, read_list
from workloads.kitti.mistakes import BadFile


@pytest.mark.parametrize("below", ["training", "object/training", "", "kitti/training"])
def test_tree_is_found_where_people_put_it(kitti_tree, below):
    tree = kitti_tree(below).frame("000003")
    layout = find_layout(tree.root)
    assert (layout.training, layout.frames, is_kitti(tree.root)) == (tree.training, ["000003"], True)


def test_images_without_labels_are_named_as_the_test_set(tmp_path):
    (tmp_path / "testing" / "image_2").mkdir(parents=True)
    with pytest.raises(BadFile, match="no public labels"):
        find_layout(tmp_path)


def test_folder_of_something_else_is_refused(tmp_path):
    assert not is_kitti(tmp_path)
    with pytest.raises(BadFile, match="no KITTI tree"):
        find_layout(tmp_path)


def test_frames_have_a_label_or_an_image(kitti_tree):
    tree = kitti_tree().frame("000001").frame("000002", suffix=".jpg")
    tree.image("000001").unlink()
    layout = find_layout(tree.root)
    assert layout.frames == ["000001", "000002"]
    assert layout.image("000002").name == "000002.jpg"
    with pytest.raises(BadFile, match=r"image_2/000001\.png: there is no image of frame 000001"):
        layout.image("000001")


def test_list_may_lack_its_last_newline_hold_blank_lines_and_name_files(tmp_path):
    path = tmp_path / "train.txt"
    path.write_bytes(b"000001\r\n\r\n000005.png\n 000007.txt ")
    assert read_list(path) == [("000001", 1), ("000005", 3), ("000007", 4)]


def test_list_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "val.txt").write_bytes(b"\xef\xbb\xbf000006\r\n000007\r\n")
    assert read_list(tmp_path / "val.txt") == [("000006", 1), ("000007", 2)]


@pytest.mark.parametrize(
    ("text", "words"),
    [("000001\n000001\n", "line 2: frame 000001 is named in line 1"), ("1 2\n", "line 1: 2 words"), ("\n", "no frame")],
)
def test_wrong_list_is_refused_with_its_line(tmp_path, text, words):
    (tmp_path / "val.txt").write_text(text)
    with pytest.raises(BadFile, match=words):
        read_list(tmp_path / "val.txt")
