"""A4 pages filled from top to bottom: headings, tables, paragraphs, axes and pictures; a full page starts the next."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, MARGIN = 21.0, 29.7, 1.8
"""Centimetres."""
INSIDE = WIDTH - 2 * MARGIN
INK, GREY, RULE, RED = "#1f2328", "#59636e", "#d1d9e0", "#cf222e"
LINE = 0.52
MOST_TOGETHER = 16.0
"""Longer tables may be parted between pages."""
_CM = 1 / 2.54
_CHARACTERS_A_CM = 5.9
"""Of 9 point text, so that wrapped lines surely fit."""


class Pages:
    """A PDF being written; use it as a context. The bytes depend on the content alone: no time, no machine."""

    def __init__(self, path: Path, title: str) -> None:
        from matplotlib.backends.backend_pdf import PdfPages

        self._pdf = PdfPages(path, metadata={"Title": title, "CreationDate": None, "Producer": None, "Creator": None})
        self._title = title
        self._number = 0
        self._start_page()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
                 ) -> None:  # fmt: skip
        if kind is None:
            self._finish_page()
        self._pdf.close()

    def heading(self, text: str, size: float = 13, room_cm: float = 3 * LINE) -> None:
        """A heading never stands alone at the foot of a page: `room_cm` of what follows it fit below."""
        self._need(min(room_cm, MOST_TOGETHER) + 0.9)
        if self._y < HEIGHT - MARGIN - 0.1:
            self._y -= 0.35
        self._text(MARGIN, text, size=size, weight="bold")
        self._y -= 0.04 * size + 0.25

    def paragraph(self, text: str, colour: str = INK, size: float = 9) -> None:
        for line in textwrap.wrap(text, int(INSIDE * _CHARACTERS_A_CM * 9 / size)) or [""]:
            self._need(LINE)
            self._text(MARGIN, line, size=size, colour=colour)
            self._y -= LINE * size / 9
        self._y -= 0.15

    def facts(self, title: str, rows: Sequence[tuple[str, str]], bad: Sequence[int] = ()) -> None:
        """Names on the left, words on the right, wrapped; rows named in `bad` are red."""
        name_cm = 4.2
        self.heading(title, room_cm=(len(rows) + 1) * LINE)
        for place, (name, value) in enumerate(rows):
            lines = textwrap.wrap(value, int((INSIDE - name_cm) * _CHARACTERS_A_CM)) or [""]
            self._need(len(lines) * LINE)
            self._text(MARGIN, name, colour=GREY)
            for line in lines:
                self._text(MARGIN + name_cm, line, colour=RED if place in bad else INK)
                self._y -= LINE
            self._rule(self._y + LINE - 0.17)
        self._y -= 0.25

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float],
              *, note: str = "", bad: Sequence[int] = (), room_cm: float = 0.0) -> None:  # fmt: skip
        """A heading and what stands below it, on one page where it is short, with `room_cm` for what follows.

        The first column is words, the others are figures; `widths` in shares; rows named in `bad` are red.
        """
        self.heading(title, room_cm=(len(rows) + 2 + bool(note)) * LINE + room_cm)
        if note:
            self.paragraph(note, colour=GREY)
        edges = MARGIN + INSIDE * np.concatenate([[0], np.cumsum(widths)])
        self._row(header, edges, GREY)
        for place, row in enumerate(rows):
            self._need(LINE)
            self._row(row, edges, RED if place in bad else INK)
        self._y -= 0.25

    def axes(self, height_cm: float, columns: int = 1, gap: float = 1.9) -> list[Axes]:
        """Room for plots, side by side; `gap` centimetres beside each are for the labels of its axis."""
        from workloads.detection.plots import plain

        self._need(height_cm)
        foot, head = 1.4, 0.7
        width = (INSIDE - columns * gap) / columns
        made = []
        for column in range(columns):
            left = MARGIN + gap * 0.9 + column * (width + gap)
            bottom = self._y - height_cm + foot
            made.append(self._figure.add_axes((left / WIDTH, bottom / HEIGHT, width / WIDTH,
                                               (height_cm - foot - head) / HEIGHT)))  # fmt: skip
            plain(made[-1])
        self._y -= height_cm
        return made

    def picture(self, image_bgr: np.ndarray, caption: str, most_height_cm: float = 9.0) -> None:
        """(h, w, 3) uint8 BGR across the page, with a line below."""
        height, width = image_bgr.shape[:2]
        shown = min(INSIDE, most_height_cm * width / height)
        tall = shown * height / width
        self._need(tall + 2 * LINE)
        axes = self._figure.add_axes((MARGIN / WIDTH, (self._y - tall) / HEIGHT, shown / WIDTH, tall / HEIGHT))
        axes.imshow(image_bgr[..., ::-1], aspect="auto", interpolation="antialiased")
        axes.set_axis_off()
        self._y -= tall + 0.45
        self._text(MARGIN, caption, size=8, colour=GREY)
        self._y -= LINE + 0.2

    def _row(self, cells: Sequence[str], edges: np.ndarray, colour: str) -> None:
        for place, cell in enumerate(cells):
            if place == 0:
                self._text(edges[0], _cut(cell, edges[1] - edges[0]), colour=colour)
            else:
                self._text(edges[place + 1], _cut(cell, edges[place + 1] - edges[place]), colour=colour, right=True)
        self._rule(self._y - 0.17)
        self._y -= LINE

    def _text(self, x_cm: float, text: str, *, size: float = 9, colour: str = INK, weight: str = "normal",
              right: bool = False) -> None:  # fmt: skip
        # parse_math off: names from the issue and the data are shown, never interpreted.
        self._figure.text(x_cm / WIDTH, self._y / HEIGHT, _printable(text), fontsize=size, color=colour, weight=weight,
                          ha="right" if right else "left", va="baseline", parse_math=False)  # fmt: skip

    def _rule(self, y_cm: float) -> None:
        from matplotlib.lines import Line2D

        ends = [MARGIN / WIDTH, (WIDTH - MARGIN) / WIDTH]
        self._figure.add_artist(Line2D(ends, [y_cm / HEIGHT] * 2, color=RULE, lw=0.6))

    def _need(self, height_cm: float) -> None:
        if self._y - height_cm < MARGIN:
            self._finish_page()
            self._start_page()

    def _start_page(self) -> None:
        from matplotlib.figure import Figure

        self._number += 1
        self._figure = Figure(figsize=(WIDTH * _CM, HEIGHT * _CM))
        self._y = 0.9
        self._text(MARGIN, self._title, size=8, colour=GREY)
        self._text(WIDTH - MARGIN, str(self._number), size=8, colour=GREY, right=True)
        self._y = HEIGHT - MARGIN - 0.4

    def _finish_page(self) -> None:
        self._pdf.savefig(self._figure, dpi=150)


def _cut(text: str, width_cm: float) -> str:
    most = max(1, int(width_cm * _CHARACTERS_A_CM * 1.1))
    return text if len(text) <= most else text[: most - 1] + "…"


def _printable(text: str) -> str:
    return "".join(ch if ch.isprintable() else " " for ch in text)
