"""Tracked previews: frames with boxes, numbers and short trails, as MP4.

The wheel's FFmpeg writes MPEG-4 part 2 (`mp4v`): players and OpenCV show it, browsers mostly do not.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from workloads import progress
from workloads.contract import UserError
from workloads.images.codec import decode
from workloads.images.drawing import colour_of, draw_boxes
from workloads.tracking.rows import Rows

TRAIL_FRAMES = 20
SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Film:
    """What was written."""

    path: Path
    frames: int
    skipped: list[str] = field(default_factory=list)
    """Images that could not be read, each with its reason."""


def image_files(folder: Path, first_frame: int) -> list[tuple[int, Path]]:
    """(frame, file) in order: the number a file is named by, or its place where one has a name without number.

    Raises:
        UserError: no folder, no image, or two images of one frame.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder of images")
    files = sorted((path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES), key=_as_people_count)
    if not files:
        raise UserError(f"{folder}: holds no image ({', '.join(SUFFIXES)})")
    if not all(path.stem.isdecimal() for path in files):
        return list(enumerate(files, start=first_frame))
    numbered = sorted((int(path.stem), path) for path in files)
    for (frame, one), (other, path) in pairwise(numbered):
        if frame == other:
            raise UserError(f"{folder}: {one.name} and {path.name} are both frame {frame}")
    return numbered


def _as_people_count(path: Path) -> list[str | int]:
    """frame_2 comes before frame_10."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split("([0-9]+)", path.name))]


def write_film_of_files(files: list[tuple[int, Path]], tracks: Rows, path: Path, frame_rate: float = 10.0) -> Film:
    """As `write_film`, from image files; one that cannot be read is skipped and named.

    Raises:
        UserError: none can be read, or no track is in any of these frames.
    """
    if len(tracks) and not np.isin(tracks.frames, [frame for frame, _ in files]).any():
        raise UserError(f"the images are frames {files[0][0]} to {files[-1][0]}, the tracks {tracks.frames[0]} to "
                        f"{tracks.frames[-1]}: give the images of this sequence")  # fmt: skip
    skipped: list[str] = []

    def images() -> Iterator[tuple[int, np.ndarray]]:
        for frame, file in progress.follow(files, "Filming", len(files)):
            try:
                yield frame, decode(file.read_bytes(), str(file))
            except OSError as wrong:
                skipped.append(f"{file}: cannot be read: {wrong.strerror}")
            except UserError as wrong:
                skipped.append(str(wrong))

    try:
        return Film(path, write_film(images(), tracks, path, frame_rate), skipped)
    except UserError as nothing:
        raise UserError(skipped[0] if skipped else str(nothing)) from nothing


def write_film(images: Iterable[tuple[int, np.ndarray]], tracks: Rows, path: Path, frame_rate: float = 10.0) -> int:
    """Write an MP4 and return its number of frames.

    Args:
        images: (frame, (h, w, 3) uint8 BGR) in order. All are shown in the size of the first, aligned at its corner.
        tracks: boxes in pixels of these images.
        frame_rate: frames per second, above 0.

    Raises:
        UserError: no image, or the file cannot be written there.
    """
    unfinished = path.with_name(f".{path.stem}.unfinished.mp4")
    writer: cv2.VideoWriter | None = None
    size: tuple[int, ...] = ()
    count = 0
    painter = Painter(tracks)
    try:
        for frame, image in images:
            if writer is None:
                size = tuple(side + side % 2 for side in image.shape[:2])  # the codec halves colours: even sizes alone
                writer = _opened(unfinished, path, frame_rate, size)
            writer.write(_fitted(painter.paint(frame, image), size))
            count += 1
        if writer is None:
            raise UserError("no image given: there is nothing to film")
        writer.release()
        unfinished.replace(path)
    finally:
        if writer is not None:
            writer.release()
            unfinished.unlink(missing_ok=True)
    return count


def _opened(file: Path, path: Path, frame_rate: float, size: tuple[int, ...]) -> cv2.VideoWriter:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file.touch()  # OpenCV would tell nobody why it cannot write
    except OSError as wrong:
        raise UserError(f"{path}: cannot be written: {wrong.strerror}") from wrong
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), frame_rate, size[::-1])
    if not writer.isOpened():
        file.unlink()
        raise UserError(f"{path}: this OpenCV cannot write MP4 (mp4v); install opencv-python-headless from its wheel")
    return writer


class Painter:
    """Draws the tracks of one frame after the other; remembers where each object was."""

    def __init__(self, tracks: Rows) -> None:
        self.tracks = tracks
        self._trails: dict[int, deque[tuple[int, tuple[int, int]]]] = {}

    def paint(self, frame: int, image: np.ndarray) -> np.ndarray:
        """A copy of the image with the boxes of `frame`, their numbers and the last TRAIL_FRAMES of their way."""
        start, end = np.searchsorted(self.tracks.frames, [frame, frame + 1])
        here = self.tracks.of(np.arange(start, end))
        canvas = image.copy()
        thickness = max(2, round(min(image.shape[:2]) / 200))
        for number, box in zip(here.ids.tolist(), here.boxes_xyxy, strict=True):
            centre = (round((box[0] + box[2]) / 2), round((box[1] + box[3]) / 2))
            self._trails.setdefault(number, deque(maxlen=TRAIL_FRAMES)).append((frame, centre))
        for number, trail in list(self._trails.items()):
            while trail and trail[0][0] <= frame - TRAIL_FRAMES:
                trail.popleft()
            if not trail:
                del self._trails[number]
            elif len(trail) > 1:
                way = np.array([place for _, place in trail], np.int32)
                cv2.polylines(canvas, [way], False, colour_of(number), thickness, cv2.LINE_AA)
        labels = [f"{number} {self.tracks.names[kind]}".strip() for number, kind in
                  zip(here.ids.tolist(), here.classes.tolist(), strict=True)]  # fmt: skip
        return draw_boxes(canvas, here.boxes_xyxy, labels, [colour_of(number) for number in here.ids.tolist()])


def _fitted(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Cut or padded at the right and below; padding repeats the last pixels."""
    image = image[: size[0], : size[1]]
    missing = size[0] - image.shape[0], size[1] - image.shape[1]
    return cv2.copyMakeBorder(image, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE)
