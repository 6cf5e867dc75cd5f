"""Edge cases as people get them: masked pictures, labels to correct, and one sheet to look over.

| below `edge_cases/` | what |
|---|---|
| `images/edge-*.jpg` | the frames, faces and plates masked; the names are hashes of the masked pictures |
| `annotations.json` | COCO: what was detected, to be corrected; `prepare` reads this layout |
| `edge_cases.json` | how many and why, fingerprints, what was masked |
| `contact_sheet.jpg` | all of them, small, with boxes, reasons and agreements |
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from workloads.contract import write_json
from workloads.detection.boxes import xyxy_to_xywh
from workloads.detection.captured import picture_at
from workloads.detection.edge_cases import REASONS, EdgeCase
from workloads.detection.reading import on_all_cores
from workloads.images.codec import encode_jpeg
from workloads.images.drawing import colour_of, draw_boxes
from workloads.privacy.masking import mask_frame
from workloads.progress import follow

MASKED = ("faces", "plates")
TILE_WIDTH, TILE_HEIGHT, COLUMNS, CAPTION = 320, 640, 4, 18
"""Of the contact sheet, in pixels; the height is the most that a picture gets."""
NOTE = (
    "Labels are what the serving model detected, to be corrected by a person: wrong boxes removed, missing ones added. "
    "Faces and number plates that were found are masked; none is found every time, so treat the pictures as personal "
    "data all the same."
)


def write_edge_cases(folder: Path, cases: Sequence[EdgeCase], classes: Sequence[str], about: dict[str, Any]
                     ) -> dict[str, Any]:  # fmt: skip
    """Write everything to `folder` and return `edge_cases.json`; nothing unmasked is ever written.

    Args:
        about: what the document says of endpoint, version and check.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    tiles, masked = [], Counter[str]()
    (folder / "images").mkdir(parents=True, exist_ok=True)
    # Finding faces takes seconds a frame, by far the longest of all.
    done = on_all_cores(_masked, cases)
    for case, (picture, hidden) in zip(cases, follow(done, "Masking edge cases", len(cases)), strict=True):
        content = encode_jpeg(picture)
        name = f"edge-{hashlib.sha256(content).hexdigest()[:16]}.jpg"
        (folder / "images" / name).write_bytes(content)
        masked.update({kind: len(boxes) for kind, boxes in hidden.items()})
        images.append(_image(case, name, len(images) + 1))
        annotations += _annotations(case, len(images), len(annotations))
        tiles.append(_tile(case, picture, classes))
    document = {
        "info": {"description": NOTE, **about}, "images": images, "annotations": annotations,
        "categories": [{"id": place, "name": name} for place, name in enumerate(classes, 1)],
    }  # fmt: skip
    write_json(folder / "annotations.json", document)
    if tiles:
        (folder / "contact_sheet.jpg").write_bytes(encode_jpeg(contact_sheet(tiles), 85))
    counts = Counter(case.reason for case in cases)
    summary = {
        **about, "frames": len(images), "boxes": len(annotations), "note": NOTE,
        "reasons": [{"reason": name, "frames": counts[name], "meaning": meaning} for name, meaning in REASONS.items()
                    if counts[name]],
        "masked": {kind: masked[kind] for kind in MASKED},
        "fingerprints": [f"{case.frame.looks:016x}" for case in cases],
    }  # fmt: skip
    write_json(folder / "edge_cases.json", summary)
    return summary


def _masked(case: EdgeCase) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """As `mask_frame`: the stored picture, searched the way up that it is to be seen."""
    picture, orientation = picture_at(case.frame.place)
    return mask_frame(picture, MASKED, orientation)


def _image(case: EdgeCase, name: str, number: int) -> dict[str, Any]:
    height, width = case.frame.size
    agreement = None if case.agreement is None else round(case.agreement, 4)
    return {"id": number, "file_name": name, "width": width, "height": height, "captured_at": case.frame.moment,
            "reason": case.reason, "strength": round(case.strength, 4), "agreement": agreement,
            "fallback": case.frame.answer.fallback if case.frame.answer else "",
            "fingerprint": f"{case.frame.looks:016x}"}  # fmt: skip


def _annotations(case: EdgeCase, image: int, before: int) -> list[dict[str, Any]]:
    """Boxes within the picture; a box without area is no label."""
    height, width = case.frame.size
    boxes = np.clip(case.suggested.boxes_xyxy.astype(np.float64), 0, [width, height, width, height])
    rows: list[dict[str, Any]] = []
    for box, score, place in zip(xyxy_to_xywh(boxes), case.suggested.scores, case.suggested.classes, strict=True):
        if min(box[2:]) > 0:
            rows.append({"id": before + len(rows) + 1, "image_id": image, "category_id": int(place) + 1,
                         "bbox": [round(float(value), 2) for value in box], "area": round(float(box[2] * box[3]), 2),
                         "iscrowd": 0, "score": round(float(score), 4)})  # fmt: skip
    return rows


def _tile(case: EdgeCase, picture: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """(any, TILE_WIDTH, 3): the small picture with its boxes, the reason and what was found below."""
    height, width = picture.shape[:2]
    ratio = min(TILE_WIDTH / width, TILE_HEIGHT / height)
    size = min(TILE_WIDTH, max(1, round(width * ratio))), min(TILE_HEIGHT, max(1, round(height * ratio)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    places = case.suggested.classes.tolist()
    # Words would hide what is small; the colours tell the classes, and the caption how many there are of each.
    drawn = draw_boxes(small, case.suggested.boxes_xyxy * ratio, [""] * len(places), [colour_of(one) for one in places])
    agreement = "" if case.agreement is None else f" {case.agreement:.2f}"
    words = [(f"{case.reason.replace('_', ' ')}{agreement}:", (0, 0, 0))]
    words += [(f"{count} {classes[place]}", colour_of(place)) for place, count in sorted(Counter(places).items())]
    wide = np.pad(drawn, ((0, 0), (0, TILE_WIDTH - drawn.shape[1]), (0, 0)), constant_values=255)
    return np.vstack([wide, _caption(words)])


def _caption(words: Sequence[tuple[str, tuple[int, int, int]]]) -> np.ndarray:
    """(lines * CAPTION, TILE_WIDTH, 3): words in their colours, as many lines as they need."""
    lines, x = [np.full((CAPTION, TILE_WIDTH, 3), 255, np.uint8)], 4
    for text, colour in words:
        width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)[0][0]
        if x > 4 and x + width > TILE_WIDTH:
            lines.append(np.full_like(lines[0], 255))
            x = 4
        cv2.putText(lines[-1], text, (x, CAPTION - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
        x += width + 8
    return np.vstack(lines)


def contact_sheet(tiles: Sequence[np.ndarray]) -> np.ndarray:
    """The tiles in rows of COLUMNS, in order."""
    rows = []
    for begin in range(0, len(tiles), COLUMNS):
        row = tiles[begin : begin + COLUMNS]
        height = max(tile.shape[0] for tile in row)
        padded = [np.pad(tile, ((0, height - len(tile)), (0, 4), (0, 0)), constant_values=255) for tile in row]
        blank = np.full((height, TILE_WIDTH + 4, 3), 255, np.uint8)
        rows.append(np.hstack([*padded, *[blank] * (min(COLUMNS, len(tiles)) - len(row))]))
    return np.vstack(rows)
