"""Where the parts of a frame lie: KITTI's folders below a root, and its lists of frames."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from workloads.kitti.mistakes import BadFile

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
OFFICIAL_TRAINING, OFFICIAL_TEST = 7481, 7518
"""Frames of the object benchmark; the test frames have no public labels. Source: KITTI object devkit, readme.txt."""
OFFICIAL_TRAIN_LIST, OFFICIAL_VAL_LIST = 3712, 3769
"""The usual halves of the training frames; they share no drive."""


@dataclass(frozen=True)
class Layout:
    """One labelled tree: `training` holds image_2, label_2 and perhaps calib and velodyne."""

    root: Path
    training: Path

    @property
    def images(self) -> Path:
        return self.training / "image_2"

    @property
    def labels(self) -> Path:
        return self.training / "label_2"

    @cached_property
    def image_files(self) -> dict[str, str]:
        """{frame: file name}; of two files of one frame the PNG."""
        return _files(self.images, IMAGE_SUFFIXES)

    @cached_property
    def label_files(self) -> dict[str, str]:
        return _files(self.labels, (".txt",))

    @cached_property
    def frames(self) -> list[str]:
        """Every frame that has a label or an image, by name."""
        return sorted(self.label_files.keys() | self.image_files.keys())

    def image(self, frame: str) -> Path:
        """Raises BadFile where the frame has none."""
        name = self.image_files.get(frame)
        if name is None:
            raise BadFile(self.images / f"{frame}.png", f"there is no image of frame {frame}")
        return self.images / name

    def label(self, frame: str) -> Path:
        return self.labels / f"{frame}.txt"

    def calibration(self, frame: str) -> Path:
        return self.training / "calib" / f"{frame}.txt"

    def scan(self, frame: str) -> Path:
        return self.training / "velodyne" / f"{frame}.bin"

    @cached_property
    def unlabelled_frames(self) -> int:
        """Images below `testing`: KITTI's test frames, which nobody outside can be judged on."""
        return len(_files(self.training.parent / "testing" / "image_2", IMAGE_SUFFIXES))

    def list_file(self, name: str) -> Path | None:
        """`ImageSets/{name}.txt`, or the same beside the folders; None where there is none."""
        for folder in (self.root, self.training.parent, self.training):
            for path in (folder / "ImageSets" / f"{name}.txt", folder / f"{name}.txt"):
                if path.is_file():
                    return path
        return None


def is_kitti(root: Path) -> bool:
    """True where some folder of KITTI's stands at one of the places that `find_layout` knows."""
    return any((place / part).is_dir() for place in _places(root) for part in ("label_2", "image_2"))


def find_layout(root: Path) -> Layout:
    """The labelled tree at ROOT/training, ROOT/object/training, ROOT itself, or one folder deeper.

    Raises:
        BadFile: there is none, or images without labels only.
    """
    places = list(_places(root))
    for place in places:
        if (place / "label_2").is_dir():
            return Layout(root, place)
    if any((place / "image_2").is_dir() for place in [*places, root / "testing", root / "object" / "testing"]):
        raise BadFile(root, "there are images, but no label_2 beside them; KITTI's test frames have no public labels: "
                            "bring the training frames with their labels")  # fmt: skip
    raise BadFile(root, "no KITTI tree: neither training/, object/training/ nor the folder itself holds label_2 and "
                        "image_2")  # fmt: skip


def _places(root: Path) -> Iterable[Path]:
    yield from (root / "training", root / "object" / "training", root)
    yield from sorted([*root.glob("*/training"), *root.glob("*/object/training")])


def _files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, str]:
    if not folder.is_dir():
        return {}
    named: dict[str, str] = {}
    for name in sorted(os.listdir(folder), reverse=True):  # so that .png comes last and wins
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in suffixes and not name.startswith("."):
            named[stem] = name
    return named


def read_list(path: Path) -> list[tuple[str, int]]:
    """The frames a list names, each with its line; blank lines are skipped, `000001.png` means 000001.

    Raises:
        BadFile: not text, no frame, more than one word a line, or a frame named twice.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as wrong:
        raise BadFile(path, "cannot be read as a list of frames") from wrong
    seen: dict[str, int] = {}
    for place, line in enumerate(lines, 1):
        words = line.split()
        if len(words) > 1:
            raise BadFile(path, f"{len(words)} words given; a list names one frame a line", line=place)
        if not words:
            continue
        frame = words[0].removesuffix(".txt")
        for suffix in IMAGE_SUFFIXES:
            frame = frame.removesuffix(suffix)
        if frame in seen:
            raise BadFile(path, f"frame {frame} is named in line {seen[frame]} already", line=place)
        seen[frame] = place
    if not seen:
        raise BadFile(path, "names no frame")
    return list(seen.items())


def frame_lacks(parts: Sequence[str], folder: Path | str, path: Path, frame: str, line: int, frames: int) -> BadFile:
    """What to say of a list's frame without files.

    Args:
        parts: what it lacks, such as `label`.
        folder: where that was sought.
        path: the list; it names so many `frames`.
    """
    reason = f"frame {frame} has no {' and no '.join(parts)} below {folder}"
    return BadFile(path, reason + remark_on_test_set(frames), line=line)


def remark_on_test_set(frames: int) -> str:
    """What to add to a mistake in a list of so many frames: KITTI's test set, perhaps.

    Its frames have the numbers of training frames, so that nearly all of them seem to have labels.
    """
    if frames != OFFICIAL_TEST:
        return ""
    return (f"; this list names {OFFICIAL_TEST:,} frames, as many as KITTI's test set, whose labels are not "
            f"public: nothing can be judged on them. Use the usual lists of {OFFICIAL_TRAIN_LIST:,} and "
            f"{OFFICIAL_VAL_LIST:,} training frames")  # fmt: skip
