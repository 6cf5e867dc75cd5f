"""A few frames of each split with their boxes drawn, and all of them on one sheet."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from workloads.detection.boxes import xywh_to_xyxy
from workloads.images.codec import decode, encode_jpeg
from workloads.images.drawing import colour_of, draw_boxes
from workloads.kitti.policy import DONT_CARE

PER_SPLIT = 4
_IGNORED = (160, 160, 160)
_LEAST_WIDTH, _MOST_WIDTH = 640, 1280
_CELL_WIDTH, _TITLE = 480, 24
_QUALITY = 88
_EXAMPLE_WIDTH = 160


def write_previews(folder: Path, dataset: Path, documents: Mapping[str, Mapping[str, Any]], classes: Sequence[str]
                   ) -> list[Path]:  # fmt: skip
    """`{split}_{frame}.jpg` and `contact_sheet.jpg` below `folder`: boxes in the colour of their class, regions to
    ignore dashed and grey. Of each split the fullest frame and some spread over the others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written, sheet = [], []
    for split, document in documents.items():
        for image in _chosen(document):
            picture = _drawn(dataset / split / "images" / image["file_name"], image, document, classes)
            path = folder / f"{split}_{Path(image['file_name']).stem}.jpg"
            path.write_bytes(encode_jpeg(picture, _QUALITY))
            written.append(path)
            sheet.append((f"{split}  {image['file_name']}", picture))
    if sheet:
        path = folder / "contact_sheet.jpg"
        path.write_bytes(encode_jpeg(_sheet(sheet), _QUALITY))
        written.append(path)
    return written


def example(split: Path) -> str:
    """The first frame of a written split as a thumbnail, JPEG in Base64: what a deployment is asked with for proof."""
    path = min((split / "images").iterdir())
    pixels = decode(path.read_bytes(), path.name)
    height = max(1, round(pixels.shape[0] * _EXAMPLE_WIDTH / pixels.shape[1]))
    small = cv2.resize(pixels, (_EXAMPLE_WIDTH, height), interpolation=cv2.INTER_AREA)
    return base64.b64encode(encode_jpeg(small, 60)).decode()


def _chosen(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    images = document["images"]
    boxes = {one["id"]: 0 for one in images}
    for one in document["annotations"]:
        boxes[one["image_id"]] += not one["iscrowd"]
    fullest = max(range(len(images)), key=lambda place: (boxes[images[place]["id"]], -place))
    spread = np.linspace(0, len(images) - 1, min(PER_SPLIT, len(images))).round().astype(int).tolist()
    places = sorted(dict.fromkeys([fullest, *spread[: PER_SPLIT - 1]]))
    return [images[place] for place in places]


def _drawn(path: Path, image: Mapping[str, Any], document: Mapping[str, Any], classes: Sequence[str]) -> np.ndarray:
    pixels = decode(path.read_bytes(), path.name)
    scale = min(max(1.0, _LEAST_WIDTH / pixels.shape[1]), _MOST_WIDTH / pixels.shape[1])
    if scale != 1.0:
        pixels = cv2.resize(
            pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        )
    own = [one for one in document["annotations"] if one["image_id"] == image["id"]]
    regions = {tuple(one["bbox"]): _name_of_region(one, classes) for one in own if one["iscrowd"]}
    objects = [one for one in own if not one["iscrowd"]]
    drawn = draw_boxes(pixels, xywh_to_xyxy(np.array(list(regions), float)) * scale, list(regions.values()),
                       [_IGNORED] * len(regions), dashed=True)  # fmt: skip
    labels = [classes[one["category_id"] - 1] for one in objects]
    colours = [colour_of(one["category_id"] - 1) for one in objects]
    return draw_boxes(drawn, xywh_to_xyxy(np.array([one["bbox"] for one in objects], float)) * scale, labels, colours)


def _name_of_region(one: Mapping[str, Any], classes: Sequence[str]) -> str:
    """Nothing for DontCare: those lie in heaps far away, and their names would hide what is there."""
    name = str(one.get("kitti_type", classes[one["category_id"] - 1]))
    return "" if name.lower() == DONT_CARE else f"{name} (ignored)"


def _sheet(pictures: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    columns = min(3, len(pictures))
    heights = [round(picture.shape[0] * _CELL_WIDTH / picture.shape[1]) for _, picture in pictures]
    cell = max(heights) + _TITLE
    rows = -(-len(pictures) // columns)
    canvas = np.full((rows * cell, columns * _CELL_WIDTH, 3), 255, np.uint8)
    for place, ((title, picture), height) in enumerate(zip(pictures, heights, strict=True)):
        top, left = place // columns * cell, place % columns * _CELL_WIDTH
        cv2.putText(canvas, title, (left + 4, top + 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
        small = cv2.resize(picture, (_CELL_WIDTH, height), interpolation=cv2.INTER_AREA)
        canvas[top + _TITLE : top + _TITLE + height, left : left + _CELL_WIDTH] = small
    return canvas
