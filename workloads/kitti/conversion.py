"""`convert`: a KITTI tree to one COCO document, bad frames skipped and counted."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workloads.contract import UserError
from workloads.detection.bad_frames import MAX_BAD_SHARE, BadFrames
from workloads.images.codec import BadImage, size_of
from workloads.kitti.coco import Converted, Document, Picture, read_good_labels, to_json, write
from workloads.kitti.layout import Layout, find_layout
from workloads.kitti.mistakes import BadFile
from workloads.kitti.policy import ClassPolicy
from workloads.progress import follow

_HEADER_BYTES = 32
"""Enough for a PNG; a JPEG may hold its size anywhere."""


def convert(root: Path, out: Path, policy: ClassPolicy, masking: Sequence[str] = (),
            max_bad_share: float = MAX_BAD_SHARE) -> tuple[Converted, BadFrames]:  # fmt: skip
    """Write `out/annotations.json`; with `masking`, the masked images too, as JPEG below `out/images`.

    Raises:
        BadFile: there is no KITTI tree.
        UserError: more frames are bad than may be.
    """
    layout = find_layout(root)
    bad = BadFrames(root, len(layout.frames), max_bad_share, _warn)
    converted = read_all(layout, policy, bad)
    out.mkdir(parents=True, exist_ok=True)
    if masking:
        write(out / "annotations.json", _masked(layout, out / "images", converted.document(), masking, bad))
    else:
        converted.write(out / "annotations.json")
    return converted, bad


def _warn(frame: str, reason: str) -> None:
    print(f"warning: skipped frame {frame}: {reason}", file=sys.stderr)


def read_all(layout: Layout, policy: ClassPolicy, bad: BadFrames) -> Converted:
    """The document of all good frames; sizes come from the headers of the images."""
    if not layout.frames:
        raise BadFile(layout.training, "image_2 and label_2 are empty")
    sizes: dict[str, tuple[int, int]] = {}
    for frame in follow(layout.frames, "Reading image headers", len(layout.frames)):
        try:
            sizes[frame] = size_of_file(layout.image(frame))
        except UserError as wrong:
            bad.add(frame, wrong)
    objects, wrong_labels = read_good_labels(layout, list(sizes))
    for frame, mistake in wrong_labels.items():
        bad.add(frame, mistake)
    ids = {frame: place for place, frame in enumerate(layout.frames, 1)}
    pictures = [Picture(ids[frame], layout.image_files[frame], sizes[frame]) for frame in objects.frames]
    return to_json(objects, pictures, policy)


def size_of_file(path: Path) -> tuple[int, int]:
    """(height, width) of an image file, from as few bytes as that takes."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as wrong:
        raise BadImage(f"{path}: cannot be read: {wrong.strerror}") from wrong
    try:
        head = os.read(handle, _HEADER_BYTES)
    finally:
        os.close(handle)
    return size_of(head if head[:4] == b"\x89PNG" else path.read_bytes(), str(path))


def _masked(layout: Layout, folder: Path, document: Document, masking: Sequence[str], bad: BadFrames) -> Document:
    """The document with its images masked and written; one that cannot be decoded leaves with its rows."""
    from workloads.images.codec import decode, encode_jpeg
    from workloads.kitti.coco import select
    from workloads.privacy.masking import mask_frame

    folder.mkdir(parents=True, exist_ok=True)
    kept: dict[int, dict[str, Any]] = {}
    for image in follow(document["images"], "Masking", len(document["images"])):
        frame = Path(image["file_name"]).stem
        path = layout.images / image["file_name"]
        try:
            pixels, boxes = mask_frame(decode(path.read_bytes(), str(path)), masking)
        except BadImage as wrong:
            bad.add(frame, wrong)
            continue
        (folder / f"{frame}.jpg").write_bytes(encode_jpeg(pixels))
        kept[image["id"]] = {"file_name": f"{frame}.jpg", "masked": {kind: len(found) for kind, found in boxes.items()}}
    return select(document, kept)
