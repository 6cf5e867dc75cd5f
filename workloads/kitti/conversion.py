"""`convert`: a KITTI tree to one COCO document, bad frames skipped and counted."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workloads.contract import UserError
from workloads.detection.bad_frames import MAX_BAD_SHARE, BadFrames
from workloads.detection.raw import require_boxes
from workloads.images.codec import TAIL_BYTES, BadImage, require_whole, size_of
from workloads.kitti.coco import (
    Converted,
    Picture,
    frames_with_a_box_outside,
    read_good_labels,
    select,
    to_json,
    write,
)
from workloads.kitti.layout import Layout, find_layout
from workloads.kitti.mistakes import BadFile
from workloads.kitti.objects import Objects
from workloads.kitti.policy import DONT_CARE, ClassPolicy
from workloads.progress import follow

_HEADER_BYTES = 32
"""Enough for the size of a PNG; a JPEG may hold it anywhere."""


def convert(root: Path, out: Path, policy: ClassPolicy, masking: Sequence[str] = (),
            max_bad_share: float = MAX_BAD_SHARE, *, asked: bool = False) -> tuple[Converted, BadFrames]:  # fmt: skip
    """Write `out/annotations.json`; with `masking`, the masked images too, as JPEG below `out/images`.

    Args:
        asked: somebody named the classes, so that one without a box is a mistake.

    Raises:
        BadFile: there is no KITTI tree.
        UserError: more frames are bad than may be, or a class that was asked for has no box. Nothing is written then.
    """
    layout = find_layout(root)
    bad = BadFrames(root, len(layout.frames), max_bad_share, _warn)
    objects, sizes = read_all(layout, bad, last=not masking)
    converted = _document(layout, objects, sizes, policy, asked)
    out.mkdir(parents=True, exist_ok=True)
    if not masking:
        converted.write(out / "annotations.json")
        return converted, bad
    # Masked images wait beside their place until all are done: a job that stops leaves none without its annotations.
    with tempfile.TemporaryDirectory(prefix=".masking-", dir=out) as waiting:
        changed = _masked(layout, Path(waiting), objects.frames, masking, bad)
        converted = _document(layout, objects.of_frames(list(changed)), sizes, policy, asked)
        document = converted.document()
        entries = {image["id"]: changed[Path(image["file_name"]).stem] for image in document["images"]}
        (out / "images").mkdir(exist_ok=True)
        for entry in entries.values():
            os.replace(Path(waiting, entry["file_name"]), out / "images" / entry["file_name"])
        write(out / "annotations.json", select(document, entries))
    return converted, bad


def _warn(frame: str, reason: str) -> None:
    print(f"warning: skipped frame {frame}: {reason}", file=sys.stderr)


def read_all(layout: Layout, bad: BadFrames, *, last: bool) -> tuple[Objects, dict[str, tuple[int, int]]]:
    """The labels of all good frames, and {frame: (height, width)}; sizes come from the headers of the images.

    Args:
        last: no frame is looked at later, see `BadFrames.add_all`.
    """
    if not layout.frames:
        raise BadFile(layout.training, "image_2 and label_2 are empty")
    sizes: dict[str, tuple[int, int]] = {}
    for frame in follow(layout.frames, "Reading image headers", len(layout.frames)):
        try:
            sizes[frame] = size_of_file(layout.image(frame))
        except UserError as wrong:
            bad.add(frame, wrong)
    objects, wrong_labels = read_good_labels(layout, list(sizes))
    outside = frames_with_a_box_outside(objects, sizes, layout)
    bad.add_all(wrong_labels | outside, last=last)
    return objects.of_frames([frame for frame in objects.frames if frame not in bad]) if outside else objects, sizes


def _document(layout: Layout, objects: Objects, sizes: Mapping[str, tuple[int, int]], policy: ClassPolicy, asked: bool
              ) -> Converted:  # fmt: skip
    ids = {frame: place for place, frame in enumerate(layout.frames, 1)}
    pictures = [Picture(ids[frame], layout.image_files[frame], sizes[frame]) for frame in objects.frames]
    converted = to_json(objects, pictures, policy)
    if asked:
        types = converted.class_policy["types"]
        boxes = {word: facts["boxes"] for word, facts in types.items() if word.lower() != DONT_CARE}
        require_boxes(policy.learnt(boxes), boxes, asked=False)  # it is --classes here, no field of an issue's
    return converted


def size_of_file(path: Path) -> tuple[int, int]:
    """(height, width) of an image file that is not cut short, from as few bytes as that takes."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as wrong:
        raise BadImage(f"{path}: cannot be read: {wrong.strerror}") from wrong
    try:
        length = os.fstat(handle).st_size
        head = os.read(handle, _HEADER_BYTES)
        tail = os.pread(handle, TAIL_BYTES, max(0, length - TAIL_BYTES))
    except OSError as wrong:
        raise BadImage(f"{path}: cannot be read: {wrong.strerror}") from wrong
    finally:
        os.close(handle)
    size = size_of(head if head[:4] == b"\x89PNG" else path.read_bytes(), str(path))
    require_whole(head, tail, length, str(path))
    return size


def _masked(layout: Layout, folder: Path, frames: Sequence[str], masking: Sequence[str], bad: BadFrames
            ) -> dict[str, dict[str, Any]]:  # fmt: skip
    """{frame: what its image's entry says then} of the images that could be decoded; masked, they lie in `folder`."""
    from workloads.images.codec import decode, encode_jpeg
    from workloads.images.orientation import orientation_of
    from workloads.privacy.masking import mask_frame

    changed: dict[str, dict[str, Any]] = {}
    for frame in follow(frames, "Masking", len(frames)):
        path = layout.image(frame)
        try:
            content = path.read_bytes()
            pixels, boxes = mask_frame(decode(content, str(path)), masking, orientation_of(content))
        except BadImage as wrong:
            bad.add(frame, wrong)
            continue
        (folder / f"{frame}.jpg").write_bytes(encode_jpeg(pixels))
        changed[frame] = {"file_name": f"{frame}.jpg", "masked": {kind: len(found) for kind, found in boxes.items()}}
    return changed
