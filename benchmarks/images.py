"""Preparing camera frames: ours (read, check, measure, keep the bytes) against re-encoding, and against a bare copy.

The usual pipeline decodes each image and writes it anew as PNG, as `cv2.imwrite` does by default; the floor reads the
bytes and writes them. Beside it the labels of 3,769 frames: KITTI text to COCO JSON, against plain Python.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from benchmarks import interleaved
from benchmarks.outcome import Outcome, Ratio, Row
from workloads.contract import Run
from workloads.detection.frame_files import place
from workloads.detection.raw_kitti import KittiRaw
from workloads.detection.reading import measure_frame
from workloads.images.codec import encode_jpeg, encode_png
from workloads.kitti.coco import Picture, to_json
from workloads.kitti.layout import find_layout
from workloads.kitti.objects import read_labels
from workloads.kitti.policy import ClassPolicy

FRAMES, LABELLED = 6, 3769
SIZE = (375, 1242)
GB_PER_HOUR = 3600 / 1e9


def measure_images(folder: Path, tiny: bool) -> tuple[list[Row], list[Ratio]]:
    raw = KittiRaw.open(_tree(folder / "raw", 2 if tiny else FRAMES, 2 if tiny else FRAMES, tiny), Run())
    size = sum(frame.image.stat().st_size for frame in raw.frames)
    ours, theirs, copied = (folder / name for name in ("ours", "theirs", "copied"))

    def keep() -> None:
        _empty(ours)
        for frame in raw.frames:
            measure_frame(raw, frame)
            place(frame.image, ours / frame.file_name)

    def reencode() -> None:
        _empty(theirs)
        for frame in raw.frames:
            cv2.imwrite(str(theirs / frame.file_name), cv2.imread(str(frame.image)))

    def as_jpeg() -> None:
        _empty(theirs)
        for frame in raw.frames:
            (theirs / f"{frame.name}.jpg").write_bytes(encode_jpeg(cv2.imread(str(frame.image))))

    def decode_alone() -> None:
        for frame in raw.frames:
            cv2.imdecode(np.frombuffer(frame.image.read_bytes(), np.uint8), cv2.IMREAD_COLOR)

    def copy() -> None:
        _empty(copied)
        for frame in raw.frames:
            (copied / frame.file_name).write_bytes(frame.image.read_bytes())

    contenders: dict[str, Callable[[], object]] = {
        "ours: decode, check, measure, keep bytes": keep, "decode, write PNG (cv2.imwrite)": reencode,
        "decode, write JPEG q95 (as masked frames)": as_jpeg, "decode alone": decode_alone, "copy of the bytes": copy,
    }  # fmt: skip
    seconds = interleaved.rounds(contenders, *((1, 0.0) if tiny else (interleaved.ROUNDS, 0.2)))
    rows = [Row(f"{name}, one core", size / median(times) * GB_PER_HOUR, "GB/h of source bytes")
            for name, times in seconds.items()]  # fmt: skip
    names = list(contenders)
    gigabytes = [size / one * GB_PER_HOUR / 100 for one in seconds[names[0]]]
    return rows, [
        interleaved.ratio("ours against re-encoding as PNG", seconds[names[1]], seconds[names[0]]),
        interleaved.ratio("ours in units of 100 GB/h per core", gigabytes, [1.0] * len(gigabytes), ">= 1"),
        interleaved.ratio("cost, ours over decoding alone", seconds[names[0]], seconds[names[3]]),
        interleaved.ratio("cost, ours over a copy of the bytes", seconds[names[0]], seconds[names[4]]),
    ]


def measure_labels(folder: Path, tiny: bool) -> tuple[list[Row], list[Ratio]]:
    layout = find_layout(_tree(folder / "labels", 0, 20 if tiny else LABELLED, tiny))
    frames = list(layout.label_files)
    paths = [str(layout.label(frame)) for frame in frames]
    pictures = [Picture(place_, f"{frame}.png", SIZE) for place_, frame in enumerate(frames, 1)]

    def ours() -> None:
        to_json(read_labels(layout.labels, frames), pictures, ClassPolicy()).write(folder / "ours.json")

    def plain() -> None:
        (folder / "plain.json").write_text(json.dumps(_plain_python(paths)))

    def read() -> None:
        for path in paths:
            Path(path).read_bytes()

    contenders = {"labels to COCO, ours": ours, "labels to COCO, plain Python": plain, "labels, read alone": read}
    seconds = interleaved.rounds(contenders, *((1, 0.0) if tiny else (interleaved.ROUNDS, 0.2)))
    rows = [Row(f"{name}, {len(frames):,} frames", median(times) * 1e3, "ms") for name, times in seconds.items()]
    mine, theirs, floor = seconds.values()
    return rows, [
        interleaved.ratio("labels, ours against plain Python", theirs, mine),
        interleaved.ratio("cost, labels to COCO over reading them", mine, floor, "<= 1.5"),
    ]


def measure_all(folder: Path, tiny: bool) -> Outcome:
    rows, ratios = measure_images(folder, tiny)
    more_rows, more_ratios = measure_labels(folder, tiny)
    notes = [
        f"{SIZE[1]} x {SIZE[0]} PNG of generated texture, about as large as KITTI's; files in the page cache.",
        "Ours hashes, decodes, checks and measures every frame; the re-encoding pipeline checks nothing. On one disk "
        "ours links instead of copying.",
        "Plain Python keeps class, box and KITTI's numbers; ours keeps every row's own text as well.",
    ]
    return Outcome("images", rows + more_rows, ratios + more_ratios, packages=("opencv-python-headless", "orjson"),
                   notes=notes)  # fmt: skip


def measure(tiny: bool = False) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return measure_all(Path(folder), tiny)


def _tree(root: Path, pictures: int, labels: int, tiny: bool) -> Path:
    """A KITTI tree of texture that packs like a photograph, and of seeded boxes, five a frame."""
    random = np.random.default_rng(0)
    for part in ("image_2", "label_2"):
        (root / "training" / part).mkdir(parents=True)
    for number in range(pictures):
        height, width = (24, 80) if tiny else SIZE
        coarse = random.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
        smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
        image = np.clip(smooth + random.normal(0, 5, smooth.shape), 0, 255).astype(np.uint8)
        (root / "training" / "image_2" / f"{number:06d}.png").write_bytes(encode_png(image))
    for number in range(labels):
        rows = [_row(random) for _ in range(5)]
        (root / "training" / "label_2" / f"{number:06d}.txt").write_text("".join(rows))
    return root


def _row(random: np.random.Generator) -> str:
    kind = random.choice(["Car", "Pedestrian", "Cyclist", "Van", "DontCare"], p=[0.55, 0.1, 0.05, 0.08, 0.22])
    left, top, wide, high = random.uniform(0, 60, 4) if random.random() < 0.5 else random.uniform(5, 20, 4)
    numbers = [random.uniform(-3, 3), left, top, left + wide, top + high, 1.5, 1.6, 3.9, 1.0, 1.7, 20.0, -1.5]
    return f"{kind} 0.00 {random.integers(0, 3)} " + " ".join(f"{value:.2f}" for value in numbers) + "\n"


def _plain_python(paths: list[str]) -> dict[str, object]:
    """The converter everybody writes."""
    classes = {"Car": 1, "Pedestrian": 2, "Cyclist": 3}
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for place_, path in enumerate(paths, 1):
        images.append({"id": place_, "file_name": os.path.basename(path)[:-4] + ".png", "width": SIZE[1],
                       "height": SIZE[0]})  # fmt: skip
        with open(path, encoding="utf-8") as file:
            for line in file:
                words = line.split()
                if words[0] not in classes and words[0] != "DontCare":
                    continue
                left, top, right, bottom = (float(word) for word in words[4:8])
                annotations.append({
                    "id": len(annotations) + 1, "image_id": place_, "category_id": classes.get(words[0], 1),
                    "bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top),
                    "iscrowd": int(words[0] == "DontCare"), "truncated": float(words[1]), "occluded": int(words[2]),
                    "alpha": float(words[3]), "dimensions": [float(word) for word in words[8:11]],
                    "location": [float(word) for word in words[11:14]], "rotation_y": float(words[14]),
                })  # fmt: skip
    return {"images": images, "annotations": annotations,
            "categories": [{"id": number, "name": name} for name, number in classes.items()]}  # fmt: skip


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
