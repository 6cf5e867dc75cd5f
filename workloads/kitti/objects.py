"""Objects of many frames, column by column, read from a folder of label or result files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from workloads.kitti.mistakes import BadFile
from workloads.kitti.row import CODES, LABEL_FIELDS, RESULT_FIELDS, UNKNOWN, Column, parse_row, words_of

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Objects:
    """Rows of all frames, in frame order, then in file order.

    `values` (n, 15) float64 in the order of `row.NUMBERS`: pixels (0-based, original image), metres and radians in
    the rectified camera frame; the location is the centre of the bottom face.
    """

    frames: tuple[str, ...]
    row_starts: np.ndarray
    """(frames + 1,) int64: the rows of frame f are row_starts[f]:row_starts[f + 1]."""
    kind: np.ndarray
    """(n,) int8: an index into `row.KINDS`, or `UNKNOWN`."""
    values: np.ndarray
    lines: np.ndarray
    """(n,) int32: the line in its file, from 1."""
    spans: np.ndarray
    """(n, 2) int64: the bytes of the row in `text`."""
    text: bytes
    file_ends: np.ndarray
    """(frames,) int64: where each file ends in `text`."""

    def __len__(self) -> int:
        return len(self.kind)

    def column(self, column: Column) -> np.ndarray:
        """(n,) float64."""
        return self.values[:, column]

    @cached_property
    def boxes(self) -> np.ndarray:
        """(n, 4) float64, left, top, right, bottom in pixels."""
        return np.ascontiguousarray(self.values[:, Column.LEFT : Column.BOTTOM + 1])

    @cached_property
    def boxes_camera(self) -> np.ndarray:
        """(n, 7) float64: height, width, length, x, y, z, rotation_y; camera frame, metres, bottom centre."""
        return np.ascontiguousarray(self.values[:, Column.HEIGHT : Column.ROTATION_Y + 1])

    @cached_property
    def frame_of_row(self) -> np.ndarray:
        """(n,) int64: an index into `frames`."""
        return np.repeat(np.arange(len(self.frames)), np.diff(self.row_starts))

    def row_text(self, row: int) -> str:
        """The row as it stands in its file, without its end and blanks around it."""
        start, end = self.spans[row]
        return self.text[start:end].rstrip().decode("utf-8", "replace")

    def word(self, row: int) -> str:
        """The type as it is written, known or not."""
        return words_of(self.row_text(row))[0]

    def of_frames(self, frames: Sequence[str]) -> Objects:
        """The same for these frames alone, in this order."""
        place = {name: at for at, name in enumerate(self.frames)}
        chosen = np.array([place[name] for name in frames], np.int64)
        counts = np.diff(self.row_starts)[chosen]
        row_starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        rows = np.repeat(self.row_starts[chosen] - row_starts[:-1], counts) + np.arange(row_starts[-1])
        file_starts = np.concatenate(([0], self.file_ends))[:-1][chosen]
        ends = np.cumsum(self.file_ends[chosen] - file_starts)
        moved = np.repeat(np.concatenate(([0], ends))[:-1] - file_starts, counts)
        text = b"".join(self.text[a:b] for a, b in zip(file_starts, self.file_ends[chosen], strict=True))
        return Objects(tuple(frames), row_starts, self.kind[rows], self.values[rows], self.lines[rows],
                       self.spans[rows] + moved[:, None], text, ends)  # fmt: skip


def read_labels(folder: Path, frames: Sequence[str] | None = None) -> Objects:
    """The 15-column files of a folder: all of it, or `frames` in that order."""
    return _read_folder(folder, frames, LABEL_FIELDS, "label", missing_is_empty=False)


def read_results(folder: Path, frames: Sequence[str] | None = None, *, missing_is_empty: bool = False) -> Objects:
    """The 16-column files of a folder (or of its `data/`, where KITTI's own tool wants them)."""
    return _read_folder(results_folder(folder), frames, RESULT_FIELDS, "result", missing_is_empty=missing_is_empty)


def results_folder(folder: Path) -> Path:
    """`folder`, or `folder/data` where only that holds result files."""
    inner = folder / "data"
    return inner if inner.is_dir() and not any(folder.glob("*.txt")) else folder


def frame_names(folder: Path, what: str, suffix: str = ".txt") -> list[str]:
    """The frames a folder has files of, sorted by name."""
    if not folder.is_dir():
        raise BadFile(folder, f"there is no such folder of {what} files")
    names = sorted(name[: -len(suffix)] for name in os.listdir(folder) if name.endswith(suffix))
    if not names:
        raise BadFile(folder, f"it holds no {what} file (NNNNNN{suffix})")
    return names


def read_rows_of(text: bytes, path: Path, fields: int = LABEL_FIELDS) -> Objects:
    """Objects of one file whose bytes are at hand."""
    return _objects((path.stem,), text, [len(text)], fields, lambda _: path)


def _read_folder(folder: Path, frames: Sequence[str] | None, fields: int, what: str, *, missing_is_empty: bool
                 ) -> Objects:  # fmt: skip
    names = tuple(frame_names(folder, what) if frames is None else frames)
    pieces: list[bytes] = []
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as wrong:
        raise BadFile(folder, f"there is no such folder of {what} files") from wrong
    try:
        for name in names:
            try:
                pieces.append(_content(name + ".txt", handle))
            except FileNotFoundError as missing:
                if not missing_is_empty:
                    raise BadFile(folder / f"{name}.txt", f"there is no {what} file of frame {name}") from missing
                pieces.append(b"")
            except OSError as wrong:
                raise BadFile(folder / f"{name}.txt", f"cannot be read: {wrong.strerror}") from wrong
    finally:
        os.close(handle)
    return _objects(names, b"".join(pieces), list(map(len, pieces)), fields, lambda file: folder / f"{names[file]}.txt")


def _content(name: str, folder: int) -> bytes:
    """A whole file in three system calls; relative to an open folder, its path need not be walked each time."""
    handle = os.open(name, os.O_RDONLY, dir_fd=folder)
    try:
        content = os.read(handle, _CHUNK)
        if len(content) == _CHUNK:
            while more := os.read(handle, _CHUNK):
                content += more
        return content
    finally:
        os.close(handle)


def _objects(names: tuple[str, ...], text: bytes, sizes: list[int], fields: int, path_of) -> Objects:  # type: ignore[no-untyped-def]
    from workloads.kitti.row_kernel import read_rows

    buffer = np.frombuffer(text, np.uint8)
    lengths = np.array(sizes, np.int64)
    ends = np.cumsum(lengths)
    capacity = text.count(b"\n") + len(names)
    values, kind, spans, lines, doubts, row_starts = read_rows(buffer, ends - lengths, ends, fields, capacity)
    for row in np.flatnonzero(doubts):
        start, end = spans[row]
        file = int(np.searchsorted(row_starts, row, side="right")) - 1
        raw = text[start:end].decode("utf-8", "replace")
        word, values[row] = parse_row(raw, fields, path_of(file), int(lines[row]))
        kind[row] = CODES.get(word.lower(), UNKNOWN)
    if (zero := text.find(b"\0")) >= 0:  # what a crash leaves of a file must not pass for one without objects
        file = int(np.searchsorted(ends, zero, side="right"))
        line = 1 + text.count(b"\n", int(ends[file] - lengths[file]), zero)
        raise BadFile(path_of(file), "holds a zero byte; it is no text", line=line)
    return Objects(names, row_starts, kind, values, lines, spans, text, ends)
