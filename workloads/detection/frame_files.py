"""Putting the images of each split in place: their own bytes, or masked ones."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workloads.contract import UserError
from workloads.detection.raw import RawData
from workloads.detection.reading import Measured, on_all_cores
from workloads.images.codec import decode, encode_jpeg
from workloads.images.orientation import orientation_of
from workloads.kitti.coco import Document
from workloads.progress import follow

KINDS = ("faces", "plates")
MEASURED = {"faces": (3, 4), "plates": (31, 35)}
"""Marked objects that were found, of so many, on the frames the settings were chosen on; see `workloads.privacy`."""
CAUTION = (
    "Expect less on other frames. The detectors miss people who look away, tiny faces and slanted plates, and mask "
    "regions that hold neither (about 5 % of the area there). Measure the recall on marked frames of your own "
    "(`python -m workloads.privacy recall`), and let a person look before frames leave the house."
)


@dataclass(frozen=True)
class Placed:
    """Documents and measurements under the names that were written, and what masking did."""

    documents: dict[str, Document]
    measured: dict[str, dict[str, Measured]]
    masking: dict[str, Any] | None


def place_frames(raw: RawData, documents: Mapping[str, Document], measured: Mapping[str, Mapping[str, Measured]],
                 dataset: Path, masking: Sequence[str] = ()) -> Placed:  # fmt: skip
    """Write `{split}/images/` of every split below `dataset`."""
    if unknown := [kind for kind in masking if kind not in KINDS]:
        raise UserError(f"preprocessing.masking: {', '.join(unknown)} given; choose {' or '.join(KINDS)}")
    sources = {frame.file_name: frame.image for frame in raw.frames}
    if masking:
        return _masked(sources, documents, measured, dataset, masking)
    for split, document in documents.items():
        folder = dataset / split / "images"
        folder.mkdir(parents=True, exist_ok=True)
        for image in follow(document["images"], f"Writing {split} images", len(document["images"])):
            place(sources[image["file_name"]], folder / image["file_name"])
    return Placed(dict(documents), {name: dict(split) for name, split in measured.items()}, None)


def place(source: Path, target: Path) -> None:
    """The same bytes under another name: a hard link where the disk allows, else a copy."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copyfile(source, target)


def _masked(sources: Mapping[str, Path], documents: Mapping[str, Document],
            measured: Mapping[str, Mapping[str, Measured]], dataset: Path, masking: Sequence[str]
            ) -> Placed:  # fmt: skip
    from workloads.privacy.masking import mask_frame

    regions = dict.fromkeys(masking, 0)
    changed: dict[str, Document] = {}
    again: dict[str, dict[str, Measured]] = {}
    for split, document in documents.items():
        folder = dataset / split / "images"
        folder.mkdir(parents=True, exist_ok=True)

        def write(image: Mapping[str, Any], folder: Path = folder) -> tuple[str, bytes, dict[str, int]]:
            source = sources[image["file_name"]]
            stored = source.read_bytes()
            pixels, boxes = mask_frame(decode(stored, source.name), masking, orientation_of(stored))
            name = f"{Path(image['file_name']).stem}.jpg"
            content = encode_jpeg(pixels)
            (folder / name).write_bytes(content)
            return name, content, {kind: len(found) for kind, found in boxes.items()}

        images, again[split] = [], {}
        done = follow(on_all_cores(write, document["images"]), f"Masking {split} images", len(document["images"]))
        for image, (name, content, found) in zip(document["images"], done, strict=True):
            digest = hashlib.sha256(content).hexdigest()
            images.append({**image, "file_name": name, "sha256": digest})
            again[split][name] = replace(measured[split][image["file_name"]], sha256=digest, bytes=len(content))
            for kind, count in found.items():
                regions[kind] += count
        changed[split] = {**document, "images": images}
    sentences = [
        f"{count:,} regions masked as {kind}; the originals are not kept. Measured recall: "
        f"{MEASURED[kind][0]} of {MEASURED[kind][1]} marked {kind}, on the frames the settings were chosen on."
        for kind, count in regions.items()
    ]
    return Placed(changed, again, {"kinds": list(masking), "regions": regions, "sentences": [*sentences, CAUTION]})
