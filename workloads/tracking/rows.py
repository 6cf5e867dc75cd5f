"""Boxes of one sequence, row by row: what a detector found, what a tracker followed, or what is true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workloads.kitti.mistakes import BadFile

NO_ID = -1
NO_IDENTITY = "{} given; an identity is a whole number from 0 up, and -1 marks detections and DontCare regions alone"
LARGEST_PX = 1e6
"""No image is that wide; beyond it a column has slipped."""


@dataclass(frozen=True)
class Rows:
    """Columns of equal length, in frame order."""

    frames: np.ndarray
    """(n,) int64, as the format counts them: from 1 in MOTChallenge, from 0 in KITTI."""
    boxes_xyxy: np.ndarray
    """(n, 4) float64 pixels."""
    scores: np.ndarray
    """(n,) float64."""
    ids: np.ndarray
    """(n,) int64; NO_ID where none is given."""
    classes: np.ndarray
    """(n,) int64, an index into `names`."""
    names: tuple[str, ...] = ("",)
    """Classes as they were written first; empty for the only class of a format without."""
    truncated: np.ndarray | None = None
    occluded: np.ndarray | None = None
    """(n,) int64, KITTI truth alone."""
    lines: np.ndarray | None = None
    """(n,) int64: the line a row came from; where `listed`, its place in the list."""
    path: Path = Path("-")
    listed: bool = False
    """Whether rows are elements of a list rather than lines."""
    first_frame: int = 0
    """Where the sequence begins, with or without a box there."""

    def __len__(self) -> int:
        return len(self.frames)

    def of(self, chosen: np.ndarray) -> Rows:
        """The rows of a mask or of indices."""
        taken = {name: None if column is None else column[chosen] for name, column in self._columns().items()}
        return Rows(**taken, names=self.names, path=self.path, listed=self.listed, first_frame=self.first_frame)  # type: ignore[arg-type]

    def named(self, *names: str) -> np.ndarray:
        """(n,) bool: rows of these classes; case does not matter."""
        codes = [code for code, name in enumerate(self.names) if name.lower() in names]
        return np.isin(self.classes, codes)

    def starts(self, frames: np.ndarray) -> np.ndarray:
        """(len(frames) + 1,) int64: rows of frames[k] are starts[k]:starts[k + 1]; frames must be all, in order."""
        return np.append(np.searchsorted(self.frames, frames), len(self))

    def mistake(self, row: int, reason: str, field: str) -> BadFile:
        """What is wrong with a row, said with where it stands."""
        if self.lines is None:
            return BadFile(self.path, reason, field=field)
        place = int(self.lines[row])
        if self.listed:
            return BadFile(Path(f"{self.path}[{place}]"), reason, field=field)
        return BadFile(self.path, reason, line=place, field=field)

    def _columns(self) -> dict[str, np.ndarray | None]:
        columns = ("frames", "boxes_xyxy", "scores", "ids", "classes", "truncated", "occluded", "lines")
        return {name: getattr(self, name) for name in columns}


@dataclass
class RowsBuilder:
    """Rows in the making, one reader's call each."""

    path: Path
    first_frame: int = 0
    listed: bool = False
    table: list[tuple[int, int, float, float, float, float, float, int, int, int, int]] = field(default_factory=list)
    names: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, *, frame: int, box: Sequence[float], score: float, line: int, track: int = NO_ID, name: str = "",
            truncated: int = 0, occluded: int = 0) -> None:  # fmt: skip
        kind, _ = self.names.setdefault(name.lower(), (len(self.names), name))
        self.table.append((frame, track, *box, score, kind, truncated, occluded, line))  # type: ignore[arg-type]

    def build(self, *, in_order: bool) -> Rows:
        """Sorted by frame; `in_order`: a frame after a later one is refused.

        Raises:
            BadFile: the first row that steps back.
        """
        table = np.array(self.table, np.float64).reshape(-1, 11)
        frames = table[:, 0].astype(np.int64)
        back = np.flatnonzero(np.diff(frames) < 0)
        if len(back) and not in_order:
            table = table[np.argsort(frames, kind="stable")]
        whole = table[:, [0, 1, 7, 8, 9, 10]].astype(np.int64)
        names = tuple(word for _, word in self.names.values()) or ("",)
        rows = Rows(
            whole[:, 0], np.ascontiguousarray(table[:, 2:6]), table[:, 6].copy(), whole[:, 1], whole[:, 2], names,
            whole[:, 3], whole[:, 4], whole[:, 5], self.path, self.listed, self.first_frame,
        )  # fmt: skip
        if len(back) and in_order:
            at = int(back[0]) + 1
            raise rows.mistake(at, f"{frames[at]} given after {frames[at - 1]}; detections come frame by frame: sort "
                               "the file, or split it where a new sequence begins", "frame")  # fmt: skip
        return rows


def only_once(rows: Rows, what: str) -> None:
    """Refuse a track that is at two places in one frame.

    Raises:
        BadFile: with the second row's line.
    """
    order = np.lexsort((rows.ids, rows.frames))
    same = (np.diff(rows.frames[order]) == 0) & (np.diff(rows.ids[order]) == 0)
    if same.any():
        at = int(order[np.flatnonzero(same)[0] + 1])
        raise rows.mistake(at, f"{rows.ids[at]} stands twice in frame {rows.frames[at]}; {what} is at one place a "
                           "frame", "id")  # fmt: skip
