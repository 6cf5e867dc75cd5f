"""One row of a text file whose fields have names, and what can be wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from workloads.kitti.mistakes import BadFile
from workloads.kitti.row import number_of
from workloads.tracking.rows import LARGEST_PX, NO_IDENTITY

_LARGEST_WHOLE = 10**9


@dataclass(frozen=True)
class TextRow:
    """The words of a line and the names of its fields."""

    path: Path
    line: int
    words: Sequence[str]
    names: Sequence[str]

    def refuse(self, place: int, reason: str) -> NoReturn:
        raise BadFile(self.path, reason, line=self.line, field=f"{place + 1} ({self.names[place]})")

    def number(self, place: int) -> float:
        """A finite number."""
        value = number_of(self.words[place])
        if not math.isfinite(value):
            self.refuse(place, f"{self.words[place]!r} is not a finite number")
        return value

    def whole(self, place: int, *, least: int = -_LARGEST_WHOLE) -> int:
        """A whole number, also written as 1.0 or 1e0."""
        value = self.number(place)
        if value != int(value) or not least <= value <= _LARGEST_WHOLE:
            limit = f" from {least} up" if least > -_LARGEST_WHOLE else ""
            self.refuse(place, f"{self.words[place]} given; a whole number{limit}")
        return int(value)

    def cut(self, place: int) -> int:
        """A number without its decimals: KITTI's tracking truncation is whole, that of objects a share of 1."""
        value = self.number(place)
        if abs(value) > _LARGEST_WHOLE:
            self.refuse(place, f"{self.words[place]} given; at most {_LARGEST_WHOLE:,}")
        return int(value)

    def identity(self, place: int) -> int:
        """The number of an object or of its track."""
        value = self.whole(place)
        if value < 0:
            self.refuse(place, NO_IDENTITY.format(value))
        return value

    def score(self, place: int) -> float:
        """What the thresholds of a tracker can be compared with."""
        value = self.number(place)
        if not 0 <= value <= 1:
            self.refuse(
                place, f"{self.words[place]} given; a score is 0 to 1: rescale it, thresholds mean nothing otherwise"
            )
        return value

    def box_xyxy(self, place: int, *, sizes: bool) -> tuple[float, float, float, float]:
        """Four numbers from `place` on: left, top and (`sizes`) width, height, or right, bottom."""
        left, top, third, fourth = (self.number(place + offset) for offset in range(4))
        for offset, value in enumerate((left, top, third, fourth)):
            if abs(value) > LARGEST_PX:
                self.refuse(place + offset, f"{value:g} given; pixels from -{LARGEST_PX:,.0f} to {LARGEST_PX:,.0f}")
        for offset, value in ((2, third if sizes else third - left), (3, fourth if sizes else fourth - top)):
            if value < 0:
                self.refuse(place + offset, f"{self.words[place + offset]} given; a negative box")
        return (left, top, left + third, top + fourth) if sizes else (left, top, third, fourth)


def text_of(path: Path) -> str:
    """All of a file, with \\n at the ends of lines. Read it once: a pipe has nothing to give the second time.

    Raises:
        BadFile: it cannot be read as text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as wrong:
        raise BadFile(path, f"cannot be read: {wrong.strerror}") from wrong
    except UnicodeDecodeError as wrong:
        raise BadFile(path, f"is no text file (byte {wrong.start})") from wrong


def lines_of(content: str) -> Iterator[tuple[int, str]]:
    """(number from 1, text) of the lines that are not blank."""
    for number, line in enumerate(content.split("\n"), start=1):  # Unicode's further line ends belong to words
        if line.strip():
            yield number, line
