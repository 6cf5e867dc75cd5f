"""A training as one picture: the parts of the loss, the learning rate, what validation says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BLUE, ORANGE, GREY = "#1f6feb", "#d4651a", "#8b949e"
_PARTS = {
    "train:loss": ("total", "#24292f"), "train:iou_loss": ("boxes", BLUE),
    "train:objectness_loss": ("objectness", ORANGE), "train:class_loss": ("classes", "#2da44e"),
    "train:l1_loss": ("L1", "#8250df"),
}  # fmt: skip
_JUDGED = {
    "validation:map_50": ("mAP@0.5", BLUE), "validation:map_50_95": ("mAP@0.5:0.95", ORANGE),
    "validation:precision": ("precision", "#2da44e"), "validation:recall": ("recall", "#8250df"),
}  # fmt: skip


def draw(path: Path, curve: dict[str, Any], title: str, kept_epoch: int) -> None:
    """Write a PNG of `training_log.json`'s curve; `kept_epoch` (from 1, 0: none) is marked."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    figure.suptitle(title, fontsize=11)
    _lines(left, curve, _PARTS)
    left.set(xlabel="epoch", ylabel="loss", title="Training loss")
    left.set_ylim(bottom=0)
    rates = left.twinx()
    _lines(rates, curve, {"train:learning_rate": ("learning rate", GREY)}, dashed=True)
    rates.set_ylabel("learning rate", color=GREY)
    _lines(right, curve, _JUDGED)
    if kept_epoch:
        right.axvline(kept_epoch, color=GREY, lw=1, ls=":", label=f"kept: epoch {kept_epoch}")
    right.set(xlabel="epoch", ylabel="share", ylim=(0, 1.02), title="Validation frames, averaged weights")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False, fontsize=8)
    rates.spines[["top"]].set_visible(False)
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _lines(axes: Any, curve: dict[str, Any], names: dict[str, tuple[str, str]], dashed: bool = False) -> None:
    for name, (label, colour) in names.items():
        points = [(x, y) for x, y in zip(curve["x"], curve["series"].get(name, []), strict=False) if y is not None]
        if points and any(y for _, y in points):
            few = len(points) <= 25
            axes.plot(*zip(*points, strict=True), color=colour, lw=1.6, ls="--" if dashed else "-", label=label,
                      marker="o" if few and not dashed else None, ms=3)  # fmt: skip
