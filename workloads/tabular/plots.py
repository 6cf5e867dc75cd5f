"""Pictures of an evaluation: small PNGs with labelled axes, drawn without a display."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.tabular import metrics
from workloads.tabular.features import FeaturePlan
from workloads.tabular.storage import Split

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#1f6feb", "#d4651a", "#8b949e"
COLOURS = (BLUE, ORANGE, "#2da44e", "#8250df", "#bf3989", "#9a6700", "#1b7c83", "#57606a", "#cf222e", "#6e7781")
MOST_CURVES = 10
MOST_POINTS = 3000


def draw(folder: Path, plan: FeaturePlan, split: Split, outputs: dict[str, np.ndarray], training: dict[str, Any]
         ) -> list[str]:  # fmt: skip
    """Draw what fits the task; returns the file names, most telling first."""
    if plan.task == "classification":
        figures = {"confusion_matrix.png": confusion_matrix(plan, split, outputs), "roc_curve.png":
                   roc_curves(plan, split, outputs)}  # fmt: skip
    elif plan.task == "regression":
        figures = {"residuals.png": residuals(plan, split, outputs)}
    elif plan.task == "clustering":
        figures = {"clusters.png": clusters(split, outputs)}
    else:
        figures = {"components.png": components(outputs)}
    if training["curve"]["x"]:
        figures["learning_curve.png"] = learning_curve(training)
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=100, metadata={"Software": None})
    return list(figures)


def confusion_matrix(plan: FeaturePlan, split: Split, outputs: dict[str, np.ndarray]) -> Figure:
    """Counts, coloured by the share of their true class."""
    assert split.target is not None
    counts = metrics.confusion(split.target, outputs["label"], len(plan.classes))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = float(np.clip(0.55 * len(counts) + 2.2, 4.2, 9))
    figure, axes = _canvas(size + 0.6, size)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, fraction=0.046, pad=0.04, label="share of the true class")
    if len(counts) <= 20:
        for (row, column), count in np.ndenumerate(counts):
            axes.text(column, row, str(count), ha="center", va="center", fontsize=10 if len(counts) <= 10 else 7,
                      color="white" if share[row, column] > 0.55 else "#1f2328" if count else "#c3c9d0")  # fmt: skip
    names = [_short(word) for word in plan.classes]
    steep = 0 if max(map(len, names)) * len(names) <= 45 else 45
    axes.set_xticks(range(len(names)), names, rotation=steep, ha="right" if steep else "center")
    axes.set_yticks(range(len(names)), names)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted class", ylabel="true class", title=f"Confusion matrix, {counts.sum()} test rows")
    return figure


def roc_curves(plan: FeaturePlan, split: Split, outputs: dict[str, np.ndarray]) -> Figure:
    """One curve for two classes, else one per class against the rest (the first ten)."""
    assert split.target is not None
    figure, axes = _canvas(5.6, 4.6)
    codes = [1] if len(plan.classes) == 2 else range(min(len(plan.classes), MOST_CURVES))
    for place, code in enumerate(codes):
        positive, score = split.target == code, outputs["probabilities"][:, code]
        area = metrics.area_under_curve(positive, score)
        if np.isfinite(area):
            false_rate, true_rate = metrics.roc_curve(positive, score)
            axes.plot(false_rate, true_rate, color=COLOURS[place], lw=1.8, drawstyle="default",
                      label=f"{_short(plan.classes[code])}  (area {area:.3f})")  # fmt: skip
    axes.plot([0, 1], [0, 1], color=GREY, lw=1, ls="--", label="guessing")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02),
             title="ROC curve" if len(plan.classes) == 2 else "ROC curves, each class against the rest")  # fmt: skip
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    return figure


def residuals(plan: FeaturePlan, split: Split, outputs: dict[str, np.ndarray]) -> Figure:
    """Predicted against true values, and how the errors are distributed."""
    assert split.target is not None
    true, value = split.target, outputs["value"]
    figure, (left, right) = _canvas(9, 4.2, columns=2)
    shown = slice(None, None, -(-len(true) // MOST_POINTS))
    left.scatter(true[shown], value[shown], s=16, alpha=0.6, color=BLUE, lw=0)
    ends = [min(true.min(), value.min()), max(true.max(), value.max())]
    left.plot(ends, ends, color=GREY, lw=1, ls="--", label="exact")
    left.set(xlabel=f"true {_short(plan.target or '')}", ylabel=f"predicted {_short(plan.target or '')}",
             title=f"{len(true)} test rows")  # fmt: skip
    left.legend(frameon=False)
    right.hist(value - true, bins=int(np.clip(2 * len(true) ** 0.5, 8, 40)), color=BLUE, alpha=0.85)
    right.axvline(0, color=GREY, lw=1, ls="--")
    right.set(xlabel="predicted minus true", ylabel="rows", title="Residuals")
    return figure


def clusters(split: Split, outputs: dict[str, np.ndarray]) -> Figure:
    """The test rows on their two widest directions, coloured by cluster."""
    figure, axes = _canvas(5.8, 4.6)
    centred = split.features.astype(np.float64) - split.features.mean(axis=0)
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    places = centred @ directions[:2].T
    if places.shape[1] == 1:
        places = np.column_stack([places, np.zeros(len(places))])
    shown = slice(None, None, -(-len(places) // MOST_POINTS))
    for code in np.unique(outputs["cluster"]):
        chosen = outputs["cluster"][shown] == code
        axes.scatter(*places[shown][chosen].T, s=18, alpha=0.75, lw=0, color=COLOURS[code % len(COLOURS)],
                     label=f"{code}  ({int((outputs['cluster'] == code).sum())})")  # fmt: skip
    share = spread[:2] ** 2 / max((spread**2).sum(), 1e-12)
    labels = [f"direction {i + 1} ({s:.0%} of the variance)" for i, s in enumerate(share)] + [""]
    axes.set(xlabel=labels[0], ylabel=labels[1], title=f"Clusters, {len(places)} test rows")
    axes.legend(title="cluster (rows)", frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def components(outputs: dict[str, np.ndarray]) -> Figure:
    """The test rows on the first two components."""
    figure, axes = _canvas(5.6, 4.6)
    places = outputs["components"]
    second = places[:, 1] if places.shape[1] > 1 else np.zeros(len(places))
    shown = slice(None, None, -(-len(places) // MOST_POINTS))
    axes.scatter(places[shown, 0], second[shown], s=16, alpha=0.6, color=BLUE, lw=0)
    axes.set(xlabel="component 1", ylabel="component 2", title=f"{len(places)} test rows, {places.shape[1]} components")
    return figure


def learning_curve(training: dict[str, Any]) -> Figure:
    """The metrics along training, as the training job recorded them."""
    curve = training["curve"]
    figure, axes = _canvas(6, 4.2)
    names = list(dict.fromkeys(name.partition(":")[2] for name in curve["series"]))
    metric = names[0]
    for split, colour, style in (("train", GREY, "--"), ("validation", BLUE, "-")):
        values = curve["series"].get(f"{split}:{metric}")
        if values:
            few = len(values) <= 25
            axes.plot(
                curve["x"], values, color=colour, ls=style, lw=1.8, marker="o" if few else None, ms=4, label=split
            )
    if training.get("best_iteration"):
        axes.axvline(training["best_iteration"], color=ORANGE, lw=1, label=f"kept: {training['best_iteration']}")
    axes.set(xlabel=curve["x_label"], ylabel=metric, title=f"Learning curve, {training['algorithm'].replace('_', ' ')}")
    axes.legend(frameon=False)
    return figure


def _canvas(width: float, height: float, columns: int = 1) -> tuple[Figure, Any]:
    """A figure without pyplot: no global state, no display, nothing to close."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, columns)
    for each in np.atleast_1d(axes):
        _plain(each)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    axes.title.set_fontsize(11)


def _short(word: str) -> str:
    """A name that fits on an axis; a dollar sign would start a formula."""
    return (word if len(word) <= 18 else word[:17] + "…").replace("$", r"\$")
