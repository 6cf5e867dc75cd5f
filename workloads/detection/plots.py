"""Pictures of a detector's evaluation, drawn without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.detection.judging import Judgement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY, INK = "#1f6feb", "#d4651a", "#8b949e", "#1f2328"
COLOURS = (BLUE, ORANGE, "#2da44e", "#8250df", "#bf3989", "#9a6700", "#1b7c83", "#57606a", "#cf222e", "#6e7781")
MOST_CURVES = 10


def draw(folder: Path, judged: Judgement, classes: Sequence[str]) -> list[str]:
    """Write the plots as PNG; returns their names, most telling first."""
    side = float(np.clip(0.6 * len(judged.confusion) + 2.2, 4.2, 8))
    sheets = {"confusion_matrix.png": canvas(2 * side + 0.4, side, columns=2), "pr_curve.png": canvas(6.4, 4.8),
              "threshold_curve.png": canvas(6.4, 4.4)}  # fmt: skip
    confusion_matrix(sheets["confusion_matrix.png"][1], judged, classes)
    pr_curves(sheets["pr_curve.png"][1], judged, classes)
    threshold_curves(sheets["threshold_curve.png"][1], judged, classes)
    for name, (figure, _) in sheets.items():
        figure.savefig(folder / name, dpi=100, metadata={"Software": None})
    return list(sheets)


def confusion_matrix(pair: Sequence[Axes], judged: Judgement, classes: Sequence[str]) -> None:
    """Counts on the left, shares of the labelled class on the right; the last row and column are background."""
    counts = judged.confusion
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [*(short(word) for word in classes), "background"]
    for place, (each, values) in enumerate(zip(pair, (counts, share), strict=True)):
        each.imshow(share, cmap="Blues", vmin=0, vmax=1)
        _write_cells(each, values, share, "{:d}" if place == 0 else "{:.2f}")
        steep = 0 if max(map(len, names)) * len(names) <= 40 else 40
        each.set_xticks(range(len(names)), names, rotation=steep, ha="right" if steep else "center")
        each.set_yticks(range(len(names)), names)
        each.spines[:].set_visible(False)
        title = (f"Counts at score {judged.threshold:g}", "Share of the labelled class")[place]
        _name(each, "detected class", "labelled class" if place == 0 else "", title)


def _write_cells(axes: Axes, values: np.ndarray, share: np.ndarray, text: str) -> None:
    if len(values) > 21:
        return
    last = len(values) - 1
    for (row, column), value in np.ndenumerate(values):
        if (row, column) == (last, last):
            axes.text(column, row, "–", ha="center", va="center", color=GREY)  # background taken for background
            continue
        axes.text(column, row, text.format(value), ha="center", va="center", fontsize=10 if len(values) <= 11 else 7,
                  color="white" if share[row, column] > 0.55 else INK if value else "#c3c9d0")  # fmt: skip


def pr_curves(axes: Axes, judged: Judgement, classes: Sequence[str]) -> None:
    """Precision over recall of each class at IoU 0.5, and where the threshold puts it."""
    shown = _telling(judged)
    for colour, place in zip(COLOURS, shown, strict=False):
        scores, precision, recall = judged.matches.curve(place)
        row = judged.per_class[place]
        axes.plot(np.concatenate([[0], recall]), np.concatenate([precision[:1], precision]) if len(precision) else [0],
                  color=colour, lw=1.7, label=f"{short(classes[place])}  (AP {_share(row['ap50'])})")  # fmt: skip
        at = int(np.sum(scores >= judged.threshold)) - 1
        if at >= 0:
            axes.plot(recall[at], precision[at], "o", color=colour, ms=6, mec="white")
    axes.plot([], [], "o", color=GREY, ms=6, mec="white", label=f"at score {judged.threshold:g}")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    _name(axes, "recall", "precision", "Precision and recall, IoU 0.5" + _left_out(judged, shown))
    axes.legend(loc="lower left", frameon=False, fontsize=8)
    axes.grid(color="#eaeef2", lw=0.8)


def threshold_curves(axes: Axes, judged: Judgement, classes: Sequence[str]) -> None:
    """F1 of each class over the score from which a detection counts; the best threshold is where it peaks."""
    shown = _telling(judged)
    for colour, place in zip(COLOURS, shown, strict=False):
        scores, precision, recall = judged.matches.curve(place)
        both = precision + recall
        f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
        axes.step(scores, f1, where="pre", color=colour, lw=1.7, label=short(classes[place]))
        if len(f1):
            axes.plot(scores[f1.argmax()], f1.max(), "o", color=colour, ms=6, mec="white")
    axes.axvline(judged.threshold, color=GREY, lw=1, ls="--", label=f"threshold {judged.threshold:g}")
    axes.set(xlim=(0, 1.02), ylim=(-0.02, 1.02))
    _name(axes, "score threshold", "F1", "F1 over the threshold, best marked" + _left_out(judged, shown))
    axes.legend(loc="best", frameon=False, fontsize=8)
    axes.grid(color="#eaeef2", lw=0.8)


def latency_bars(axes: Axes, latency: dict[str, dict[str, float]]) -> None:
    """Median and 95th percentile of each stage."""
    names = list(latency)[::-1]
    places = np.arange(len(names))
    for offset, key, colour in ((0.2, "p50", BLUE), (-0.2, "p95", ORANGE)):
        values = [latency[name][key] for name in names]
        axes.barh(places + offset, values, height=0.38, color=colour, label=key.upper())
        for place, value in zip(places, values, strict=True):
            axes.text(value, place + offset, f" {value:.2f}", va="center", fontsize=8, color=INK)
    axes.set_yticks(places, names)
    _name(axes, "milliseconds a frame", "", "")
    axes.margins(x=0.12)
    axes.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)


def canvas(width: float, height: float, columns: int = 1) -> tuple[Figure, Any]:
    """A figure without pyplot: no global state, no display, nothing to close."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, columns)
    for each in np.atleast_1d(axes):
        plain(each)
    return figure, axes


def plain(axes: Axes) -> None:
    """Two spines, small figures."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _name(axes: Axes, x: str, y: str, title: str) -> None:
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.set_title(title, fontsize=10)


def short(word: str) -> str:
    """A name that fits on an axis; a dollar sign would start a formula."""
    return (word if len(word) <= 18 else word[:17] + "…").replace("$", r"\$")


def _telling(judged: Judgement) -> list[int]:
    """Classes with labelled boxes, those with most of them where not all can be shown."""
    known = [place for place, row in enumerate(judged.per_class) if row["truths"]]
    return sorted(sorted(known, key=lambda place: -judged.per_class[place]["truths"])[:MOST_CURVES])


def _left_out(judged: Judgement, shown: Sequence[int]) -> str:
    known = sum(1 for row in judged.per_class if row["truths"])
    return f" ({len(shown)} of {known} classes)" if len(shown) < known else ""


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
