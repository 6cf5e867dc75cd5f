"""The folder: KITTI's object layout, filled with synthetic frames."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
from tqdm import tqdm

from workloads.contract import UserError, log, write_json
from workloads.scenes.frame import Frame, render
from workloads.scenes.light import DAYS
from workloads.scenes.scanner import STEPS

CLASSES = ("Car", "Pedestrian", "Cyclist")
EVERY_VAL = 5
"""Frames 4, 9, 14, ... are val: 80/20, and a frame keeps its side when more frames are made."""
DESCRIPTION = (
    "SYNTHETIC: rendered road scenes in the layout of the KITTI object benchmark, with boxes, ray-cast points and "
    "calibration. No photograph, no real place, no real person; made by `python -m workloads.scenes`."
)
LICENCE = "CC0-1.0"
LIMITS = {
    "frames": (1, 100_000),
    "height": (64, 1024),
    "width": (128, 2560),
    "steps": (64, 4096),
    "seed": (0, 2**63 - 1),
}


@dataclass(frozen=True)
class Settings:
    """What to make. `steps`: the scanner's shots a beam and turn; `light`: one kind of daylight for all frames."""

    frames: int = 160
    seed: int = 0
    height: int = 188
    width: int = 621
    steps: int = STEPS
    light: str | None = None

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            if not least <= getattr(self, name) <= most:
                raise UserError(f"{name}: {getattr(self, name)} given; choose {least} to {most}")
        if self.light is not None and self.light not in DAYS:
            raise UserError(f"light: {self.light!r} given; choose one of {', '.join(DAYS)}")


def write(folder: Path, settings: Settings) -> dict[str, object]:
    """Fill `folder` with `training/`, `ImageSets/`, `README.txt` and `metadata.json`; the latter is returned.

    Raises:
        UserError: the folder already holds frames, or cannot be written.
    """
    training = folder / "training"
    if training.exists():
        raise UserError(f"{training} exists already; frames of two data sets must not mix. Choose another folder")
    try:
        for name in ("image_2", "label_2", "calib", "velodyne"):
            (training / name).mkdir(parents=True)
        return _fill(folder, training, settings)
    except OSError as wrong:
        raise UserError(f"{wrong.filename or folder}: cannot be written: {wrong.strerror}") from wrong


def _fill(folder: Path, training: Path, settings: Settings) -> dict[str, object]:
    kinds: Counter[str] = Counter()
    lights: Counter[str] = Counter()
    log("Rendering synthetic frames", frames=settings.frames, seed=settings.seed)
    watched = sys.stderr.isatty()
    for number in tqdm(range(settings.frames), unit="frame", disable=not watched):
        frame = render(
            settings.seed, number, settings.height, settings.width, steps=settings.steps, light=settings.light
        )
        _write_frame(training, f"{number:06d}", frame)
        kinds.update(line.split(maxsplit=1)[0] for line in frame.labels.splitlines())
        lights[frame.light] += 1
        if not watched and (number + 1) % 40 == 0:
            log("Rendered", done=number + 1, of=settings.frames)
    sets = folder / "ImageSets"
    sets.mkdir(exist_ok=True)
    is_val = [number % EVERY_VAL == EVERY_VAL - 1 for number in range(settings.frames)]
    for name, wanted in (("train", False), ("val", True)):
        lines = [f"{number:06d}\n" for number in range(settings.frames) if is_val[number] is wanted]
        (sets / f"{name}.txt").write_text("".join(lines), encoding="ascii")
    (folder / "README.txt").write_text(_readme(settings), encoding="ascii")
    metadata = {
        "synthetic": True, "description": DESCRIPTION, "licence": LICENCE, "task": "object_detection",
        "classes": list(CLASSES), "settings": asdict(settings), "train": is_val.count(False), "val": is_val.count(True),
        "objects": dict(sorted(kinds.items())), "light": dict(sorted(lights.items())),
    }  # fmt: skip
    write_json(folder / "metadata.json", metadata)
    return metadata


def _write_frame(training: Path, name: str, frame: Frame) -> None:
    (training / "image_2" / f"{name}.png").write_bytes(cv2.imencode(".png", frame.image)[1].tobytes())
    (training / "velodyne" / f"{name}.bin").write_bytes(frame.points_lidar.astype("<f4").tobytes())
    (training / "label_2" / f"{name}.txt").write_text(frame.labels, encoding="ascii")
    (training / "calib" / f"{name}.txt").write_text(frame.calibration, encoding="ascii")


def _readme(settings: Settings) -> str:
    return f"""SYNTHETIC road scenes in the layout of the KITTI object benchmark
==================================================================

{DESCRIPTION}
Equal settings give equal files on one machine with the same library versions.
Licence: {LICENCE} (public domain). This is not KITTI data, and figures measured on it say nothing about KITTI.

Made by: python -m workloads.scenes --frames {settings.frames} --seed {settings.seed} \
--height {settings.height} --width {settings.width} --steps {settings.steps}\
{"" if settings.light is None else f' --light "{settings.light}"'}

training/image_2/NNNNNN.png    the picture, {settings.width} x {settings.height}
training/label_2/NNNNNN.txt    15 columns; 2D boxes are the projected 3D boxes, clipped to the image
training/calib/NNNNNN.txt      P0..P3, R0_rect, Tr_velo_to_cam, Tr_imu_to_velo
training/velodyne/NNNNNN.bin   float32 x, y, z, reflectance; 64 beams, {settings.steps} shots a turn
ImageSets/train.txt, val.txt   every fifth frame is val

Occlusion: 0 where at least 85 % of the silhouette within the image is seen, 1 from 50 %, 2 from 35 %; less, lower
than 15 pixels or nearly out of the image is DontCare. Truncation: the share of the silhouette outside the image.
"""
