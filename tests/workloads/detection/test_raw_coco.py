"""Raw data in COCO's layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from workloads.contract import Run, UserError, read_json
from workloads.detection.prepare import prepare
from workloads.images.codec import encode_png

CATEGORIES = [{"id": 3, "name": "car"}, {"id": 7, "name": "bus"}, {"id": 9, "name": "sign"}]


def picture(path: Path, number: int, size=(20, 40)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(np.random.default_rng(number).integers(0, 255, (*size, 3), np.uint8)))


def document(images: list[str], boxes: dict[int, list], **changes) -> dict:
    """Image ids are the places in `images`; every box is (category, bbox)."""
    annotations = [{"id": 10 * image + place, "image_id": image, "category_id": category, "bbox": box, "iscrowd": 0}
                   for image, found in boxes.items() for place, (category, box) in enumerate(found)]  # fmt: skip
    return {
        "images": [{"id": place, "file_name": name, "width": 40, "height": 20} for place, name in enumerate(images)],
        "annotations": annotations, "categories": CATEGORIES,
    } | changes  # fmt: skip


@pytest.fixture
def raw(tmp_path):
    """Six images with a car each, one with a bus."""
    folder = tmp_path / "raw"
    names = [f"day/{place}.png" for place in range(6)]
    for place, name in enumerate(names):
        picture(folder / "images" / name, place)
    boxes: dict[int, list] = {place: [(3, [1, 2, 10, 8])] for place in range(6)}
    boxes[2].append((7, [5, 5, 20, 10]))
    (folder / "annotations.json").write_text(json.dumps(document(names, boxes)))
    return folder


def run_prepare(raw: Path, classes=(), splits=None, **preprocessing):
    spec = {"algorithm": "yolox", "dataset": {"name": "signs", "classes": list(classes), "splits": splits or {}},
            "preprocessing": preprocessing}  # fmt: skip
    dataset = raw.parent / "dataset"
    return prepare(Run(dataset_version="v1", spec=spec), raw, dataset, raw.parent / "report"), dataset


def change(raw: Path, action) -> None:
    path = raw / "annotations.json"
    content = json.loads(path.read_text())
    action(content)
    path.write_text(json.dumps(content))


def test_categories_with_boxes_become_the_classes_and_folders_part_of_the_name(raw):
    manifest, dataset = run_prepare(raw)
    assert manifest["classes"] == ["car", "bus"]
    assert read_json(dataset, "features.json")["source"] == "coco"
    names = {path.name for path in dataset.rglob("images/*")}
    assert names == {f"day_{place}.png" for place in range(6)}
    assert not (dataset / "test" / "label_2").exists()
    boxes = [one["bbox"] for split in manifest["rows"] for one in
             read_json(dataset / split, "annotations.json")["annotations"] if one["category_id"] == 2]  # fmt: skip
    assert boxes == [[5, 5, 20, 10]]


def test_classes_asked_for_decide_the_order_and_the_others_are_reported(raw):
    manifest, dataset = run_prepare(raw, ["Car"])
    assert manifest["classes"] == ["Car"]
    types = read_json(dataset, "metadata.json")["class_policy"]["types"]
    assert (types["bus"]["use"], types["car"]["as"]) == ("left_out", "car")


def test_document_for_training_and_one_for_judging_are_lists(raw):
    content = json.loads((raw / "annotations.json").read_text())
    (raw / "annotations.json").unlink()
    (raw / "annotations").mkdir()
    for name, kept in (("train", range(4)), ("val", range(4, 6))):
        part = {"images": [one for one in content["images"] if one["id"] in kept], "categories": CATEGORIES,
                "annotations": [one for one in content["annotations"] if one["image_id"] in kept]}  # fmt: skip
        (raw / "annotations" / f"instances_{name}2017.json").write_text(json.dumps(part))
    manifest, dataset = run_prepare(raw)
    assert manifest["rows"] == {"train": 3, "validation": 1, "test": 2}
    names = {image["file_name"] for image in read_json(dataset / "test", "annotations.json")["images"]}
    assert names == {"day_4.png", "day_5.png"}


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda one: one["annotations"][0].update(bbox=[1, 2, -3, 4]), "annotations[0] (id 0): bbox [1, 2, -3, 4]: a"),
        (lambda one: one["annotations"][0].update(bbox=[1, 2, "x"]), "four finite numbers"),
        (lambda one: one["annotations"][0].update(bbox=[50, 2, 3, 4]), "outside the image (40 x 20 pixels)"),
        (lambda one: one["annotations"][0].update(bbox=[1, 2, 10**400, 4]), "four finite numbers"),
        (lambda one: one["annotations"][0].update(iscrowd="yes"), "(id 0): iscrowd: 'yes' is not 0 or 1"),
        (lambda one: one["annotations"][0].update(area="x"), "(id 0): area: 'x' is not a finite number from 0 up"),
        (lambda one: one["images"][0].update(width=80), "given as 80 x 20 pixels and has 40 x 20"),
        (lambda one: one["images"][0].update(file_name="day/none.png"), "no file day/none.png below raw/images"),
        (lambda one: one["images"][0].update(file_name="../../a.png"), "there is no file"),
        (lambda one: one["images"][0].update(file_name="a" * 300), "there is no file"),
    ],
)  # fmt: skip
def test_single_bad_image_is_skipped_and_named(raw, action, words):
    picture(raw.parent / "a.png", 50)
    change(raw, action)
    manifest, dataset = run_prepare(raw)
    assert manifest["dropped"] == {"bad_frames": 1}
    assert words in read_json(dataset, "metadata.json")["bad_frames"][0]["reason"]


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda one: one["annotations"][1].update(category_id=1), r"annotations\[1\] \(id 10\): category_id: there is"),
        (lambda one: one["annotations"][1].update(image_id=99), "image_id: there is no image 99"),
        (lambda one: one["images"][1].update(id=0), r"images\[1\]: two images have one id: 0 is that of images\[0\]"),
        (lambda one: one["images"][1].pop("id"), r"images\[1\]: lacks id"),
        (lambda one: one["images"][1].update(id=[1]), r"images\[1\]: id: \[1\] is no whole number"),
        (lambda one: one["categories"][1].update(id=3), r"categories\[1\]: two categories have one id: 3 is that of"),
        (lambda one: one["annotations"][1].update(id=0), r"annotations\[1\]: two annotations have one id: 0 is that"),
        (lambda one: one["annotations"].__setitem__(0, None), r"annotations\[0\]: None is no object"),
        (lambda one: one["images"][1].update(file_name="day/0.png"), "named twice"),
        (lambda one: one.pop("categories"), "has no list 'categories'"),
        (lambda one: one.update(annotations=[]), "no boxes"),
    ],
)
def test_broken_document_is_refused(raw, action, words):
    change(raw, action)
    with pytest.raises(UserError, match=words):
        run_prepare(raw)


def test_document_nested_too_deeply_is_refused(raw):
    (raw / "annotations.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"annotations\.json: lists or objects lie too deeply in one another"):
        run_prepare(raw)


def test_scans_cannot_be_asked_of_images_alone(raw):
    with pytest.raises(UserError, match="COCO data set holds no scans"):
        run_prepare(raw, points={"outputs": ["bev"]})
