"""`python -m workloads.detection latency`: from an image's bytes to the reply, by model, precision and provider."""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workloads import archive, machine
from workloads.contract import UserError, log
from workloads.detection.detections import Detections
from workloads.detection.latency import STAGES, Stopwatch, predict_timed, warm_up
from workloads.detection.scoring import PROVIDERS, DetectorFolder, NoNumber, OnnxDetector, present_providers
from workloads.images.codec import decode, encode_jpeg, size_of

PRECISIONS = ("fp32", "fp16", "int8")
KITTI_CLASSES = ("Car", "Pedestrian", "Cyclist")
RANDOM = "random weights, for timing only: they find nothing, so that nms and encode are lower bounds"
CALIBRATED = "int8 ranges from the timed pictures, for timing only"
FEWEST_FRAMES = 5
LARGEST_INPUT = 4096
"""Pixels a side, as an issue may ask for."""
LARGEST_PICTURE = 8192
"""Pixels a side of a generated picture: making one takes 3 GB."""
MOST_THREADS = 256
"""Threads that outnumber the cores by thousands keep the machine from doing anything else."""


@dataclass(frozen=True)
class Subject:
    """A network to be timed."""

    name: str
    network: bytes
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pictures:
    """Encoded pictures, told by name."""

    contents: list[tuple[str, bytes]]
    kind: str


@dataclass
class Row:
    """One line of the table."""

    model: str
    input_size: tuple[int, int]
    precision: str
    provider: str
    absent: str = ""
    """Why nothing was measured."""
    threads: int = 0
    frames: int = 0
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def add_to(commands: Any) -> None:
    """Declare the command's options."""
    timing = commands.add_parser("latency", help="milliseconds from image bytes to reply, stage by stage")
    what = timing.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", type=Path, help="model.tar.gz of a training or a package, or a bare .onnx")
    what.add_argument("--variant", nargs="+", metavar="NAME", help="YOLOX with random weights, e.g. yolox-nano")
    what.add_argument("--all-variants", action="store_true", help="Nano to X with random weights")
    given = timing.add_mutually_exclusive_group()
    given.add_argument("--images", type=Path, help="folder of JPEG or PNG files")
    given.add_argument(
        "--image-size",
        type=_size(LARGEST_PICTURE),
        default=(375, 1242),
        metavar="HxW",
        help="of a generated JPEG (375x1242)",
    )
    timing.add_argument(
        "--input-size", type=_size(LARGEST_INPUT), nargs="+", metavar="HxW", help="of --variant; default: its own"
    )
    timing.add_argument("--precision", nargs="+", choices=PRECISIONS, default=["fp32"])
    timing.add_argument("--provider", nargs="+", choices=list(PROVIDERS), default=["cpu"])
    timing.add_argument("--threads", type=_threads, help="cores for one picture; default: all")
    timing.add_argument("--repeats", type=_count, default=50, help="pictures timed (%(default)s)")
    timing.add_argument(
        "--seconds", type=_seconds, default=20.0, help="most for one line, once 5 were timed (%(default)s)"
    )
    timing.add_argument("--json", action="store_true", help="print JSON")


def run(chosen: argparse.Namespace) -> int:
    """Time and print. Raises UserError."""
    pictures = _read_pictures(chosen.images) if chosen.images else _generated(chosen.image_size)
    rows = [row for subject in _subjects(chosen) for row in _rows(subject, chosen, pictures)]
    facts = machine.describe()
    document = {"machine": facts, "pictures": pictures.kind, "rows": [row.__dict__ for row in rows]}
    print(json.dumps(document, indent=2) if chosen.json else _table(rows, facts, pictures))
    return 0


def _subjects(chosen: argparse.Namespace) -> Iterator[Subject]:
    if chosen.model is not None:
        if chosen.input_size:
            raise UserError("--input-size: a model's input is fixed in its ONNX; leave it out, or use --variant")
        yield _read_model(chosen.model)
        return
    from workloads.yolox.variants import VARIANTS, find

    for variant in [find(name) for name in (list(VARIANTS) if chosen.all_variants else chosen.variant)]:
        for size in chosen.input_size or [variant.input_size]:
            yield _random(variant.name, size)


def _read_model(path: Path) -> Subject:
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    if path.suffix == ".onnx":
        count = OnnxDetector(path).class_count or 0
        return Subject(path.name, path.read_bytes(), tuple(f"class {place}" for place in range(count)))
    with tempfile.TemporaryDirectory() as scratch:
        try:
            archive.extract(path, Path(scratch))
            folder = DetectorFolder(Path(scratch))
        except (archive.ArchiveError, FileNotFoundError, KeyError) as wrong:
            raise UserError(f"{path}: no model archive of a detector: {wrong}") from wrong
        name = str(folder.signature.get("variant", path.name))
        return Subject(name, folder.network.read_bytes(), folder.classes)


def _random(variant: str, size: tuple[int, int]) -> Subject:
    import torch

    from workloads.yolox.export import to_onnx
    from workloads.yolox.network import build
    from workloads.yolox.variants import check_input_size

    torch.manual_seed(0)
    network = to_onnx(build(variant, len(KITTI_CLASSES)).eval(), check_input_size(size))
    return Subject(variant, network, KITTI_CLASSES, (RANDOM,))


def _rows(subject: Subject, chosen: argparse.Namespace, pictures: Pictures) -> Iterator[Row]:
    from workloads.yolox.precision import precision_of

    own = precision_of(subject.network)
    for asked in dict.fromkeys(chosen.precision):
        network = _converted(subject.network, asked, pictures)
        precision = own if asked == "fp32" else asked  # fp32 is what leaves a network as it is
        size = OnnxDetector(network).input_size
        for provider in dict.fromkeys(chosen.provider):
            row = Row(subject.name, size, precision, provider, notes=list(subject.notes))
            if asked == "int8":
                row.notes.append(CALIBRATED)
            if provider not in present_providers():
                row.absent = f"this onnxruntime has {', '.join(present_providers())}"
            else:
                _measure(
                    row, OnnxDetector(network, threads=chosen.threads, provider=provider), subject, chosen, pictures
                )
            yield row


def _converted(network: bytes, precision: str, pictures: Pictures) -> bytes:
    from workloads.yolox import precision as bits

    if precision == "fp32":
        return network
    if precision == "fp16":
        try:
            return bits.to_float16(network)
        except ArithmeticError as too_large:
            raise UserError(f"--precision fp16: {too_large}") from too_large
    detector = OnnxDetector(network)
    images = [decode(content, name) for name, content in pictures.contents[:8]]
    return bits.quantise_int8(network, (detector.fill([image])[0].copy() for image in images))


def _measure(
    row: Row, detector: OnnxDetector, subject: Subject, chosen: argparse.Namespace, pictures: Pictures
) -> None:
    watch = Stopwatch()
    warm_up(detector, size_of(pictures.contents[0][1]))
    begun = time.monotonic()
    for turn in range(chosen.repeats):
        name, content = pictures.contents[turn % len(pictures.contents)]
        try:
            predict_timed(detector, content, name, watch, lambda found, size: _reply(found, subject.classes, size),
                          score_limit=0.3)  # fmt: skip
        except NoNumber as none:
            raise UserError(f"{subject.name}: {none}, of {name}") from none
        row.frames += 1
        if row.frames >= FEWEST_FRAMES and time.monotonic() - begun > chosen.seconds:
            row.notes.append(f"stopped after {chosen.seconds:g} s")
            break
    row.threads, row.stages = detector.threads, watch.summary()
    log("Timed", model=row.model, precision=row.precision, provider=row.provider, p50_ms=row.stages["total"]["p50"])


def _reply(found: Detections, classes: Sequence[str], image_size: tuple[int, int]) -> bytes:
    """What the endpoint sends for one picture."""
    import orjson

    rows = [{"box": box, "score": score, "class": classes[code], "class_id": code} for box, score, code in
            zip(found.boxes_xyxy, found.scores, found.classes.tolist(), strict=True)]  # fmt: skip
    prediction = {"detections": rows, "image_size": image_size, "fallback": False, "reason": None}
    return orjson.dumps({"model_version": "1.0.0", "predictions": [prediction]}, option=orjson.OPT_SERIALIZE_NUMPY)


def _read_pictures(folder: Path) -> Pictures:
    files = sorted(path for path in folder.glob("*")
                   if path.suffix.lower() in (".png", ".jpg", ".jpeg") and path.is_file())  # fmt: skip
    if not files:
        raise UserError(f"{folder}: holds no JPEG or PNG file (.jpg, .jpeg, .png)")
    contents = [(str(path), _content(path)) for path in files]
    sizes = sorted({size_of(content, name) for name, content in contents})
    height, width = sizes[len(sizes) // 2]
    return Pictures(contents, f"{len(contents)} files of {folder}, {height} x {width} pixels and alike")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as wrong:
        raise UserError(f"{path}: cannot be read: {wrong.strerror}") from wrong


def _generated(size: tuple[int, int]) -> Pictures:
    """A picture with edges, slopes and a little noise: JPEG of noise alone would decode far too slowly."""
    height, width = size
    random = np.random.default_rng(0)
    image = np.linspace(60, 200, width)[None, :, None] + np.linspace(-40, 40, height)[:, None, None]
    image = np.broadcast_to(image, (height, width, 3)) + random.normal(0, 4, (height, width, 3))
    for _ in range(24):
        top, left = random.integers(0, (height, width))
        image[top : top + height // 5, left : left + width // 12] = random.integers(0, 255, 3)
    content = encode_jpeg(image.clip(0, 255).astype(np.uint8))
    return Pictures([("generated.jpg", content)], f"one generated JPEG, {height} x {width} pixels")


def _table(rows: Sequence[Row], facts: dict[str, Any], pictures: Pictures) -> str:
    head = f"{'model':<14}{'input':>10}{'bits':>6}{'provider':>10}{'threads':>8}{'frames':>7}" + "".join(
        f"{name:>10}" for name in STAGES) + f"{'P50':>10}{'P95':>10}{'mean':>10}"  # fmt: skip
    lines = [f"{machine.sentence(facts)}; {pictures.kind}; stages: medians, milliseconds", head]
    for row in rows:
        size = f"{row.input_size[0]}x{row.input_size[1]}"
        start = f"{row.model[:13]:<14}{size:>10}{row.precision:>6}{row.provider:>10}"
        if row.absent:
            lines.append(f"{start}  absent: {row.absent}")
            continue
        figures = [row.stages[name]["p50"] for name in STAGES] + [
            row.stages["total"][key] for key in ("p50", "p95", "mean")
        ]
        lines.append(f"{start}{row.threads:>8}{row.frames:>7}" + "".join(f"{value:>10.2f}" for value in figures))
    notes = dict.fromkeys(f"{row.model} {row.precision}: {note}" for row in rows for note in row.notes)
    if len({row.model for row in rows}) > 1 and any(RANDOM in row.notes for row in rows):
        notes = dict.fromkeys(["all: " + RANDOM, *(note for note in notes if RANDOM not in note)])
    return "\n".join([*lines, *notes])


def _size(most: int) -> Callable[[str], tuple[int, int]]:
    """What reads a height and a width of up to `most` pixels."""

    def read(text: str) -> tuple[int, int]:
        height, cross, width = text.lower().partition("x")
        if not cross or not height.isdecimal() or not width.isdecimal() or not int(height) or not int(width):
            raise argparse.ArgumentTypeError(f"{text!r} is no size; write height x width, e.g. 416x416")
        if max(int(height), int(width)) > most:
            raise argparse.ArgumentTypeError(f"{text!r} given; a side has at most {most:,} pixels")
        return int(height), int(width)

    return read


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} given; a whole number from 1 up")
    return int(text)


def _threads(text: str) -> int:
    if (count := _count(text)) > MOST_THREADS:
        raise argparse.ArgumentTypeError(f"{text!r} given; at most {MOST_THREADS}, and the cores there are is best")
    return count


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} given; a number of seconds from 0 up")
    return seconds
