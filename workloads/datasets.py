"""The four tabular datasets every newcomer has: scikit-learn's bundled real data as raw objects.

    python -m workloads.datasets --out DIR [--dataset NAME] [--rows N] [--seed S] [--shift X]

writes `DIR/NAME/data.csv` and `DIR/NAME/metadata.json`. `--rows` and `--shift` make derived copies for
demonstrations of new and of drifted data; the metadata then say so under `derived`.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

_DIABETES_COLUMNS = (
    "age", "sex", "body_mass_index", "mean_blood_pressure", "total_cholesterol", "low_density_lipoproteins",
    "high_density_lipoproteins", "cholesterol_ratio", "log_triglycerides", "blood_sugar",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Where a dataset comes from and what its columns mean."""

    loader: str
    target: str
    task: Literal["classification", "regression"]
    description: str
    source: str
    licence: str = "CC BY 4.0"
    columns: tuple[str, ...] = ()
    """Names for the features where scikit-learn's own are too short to be understood."""
    arguments: dict[str, Any] = field(default_factory=dict)


SOURCES: dict[str, Source] = {
    "breast_cancer": Source(
        "load_breast_cancer", "diagnosis", "classification",
        "Breast Cancer Wisconsin (Diagnostic): 569 fine-needle aspirates, 30 measures of cell nuclei; "
        "malignant or benign.",
        "UCI Machine Learning Repository, doi:10.24432/C5DW2B; as bundled with scikit-learn",
    ),
    "digits": Source(
        "load_digits", "digit", "classification",
        "Optical Recognition of Handwritten Digits: 1797 images of 8 x 8 pixels, brightness 0 to 16; the digit 0 to 9.",
        "UCI Machine Learning Repository, doi:10.24432/C50P49 (test part); as bundled with scikit-learn",
    ),
    "wine": Source(
        "load_wine", "cultivar", "classification",
        "Wine recognition: 178 Italian wines, 13 chemical measures; one of three cultivars.",
        "UCI Machine Learning Repository, doi:10.24432/C5PC7J; as bundled with scikit-learn",
    ),
    "diabetes": Source(
        "load_diabetes", "disease_progression", "regression",
        "Diabetes: 442 patients, 10 baseline measures in their own units; progression of the disease after one year.",
        "Efron, Hastie, Johnstone, Tibshirani, 'Least Angle Regression', Annals of Statistics 32 (2004); "
        "as bundled with scikit-learn",
        licence="none stated by the authors; redistributed with scikit-learn (BSD-3-Clause)",
        columns=_DIABETES_COLUMNS,
        arguments={"scaled": False},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A dataset in memory: `features` (n, d) float64 in raw units, `target` n strings as written to CSV."""

    columns: list[str]
    features: np.ndarray
    target: list[str]
    classes: list[str]


def load(name: str) -> Table:
    """The dataset `name` of `SOURCES`, unchanged."""
    from sklearn import datasets

    source = SOURCES[name]
    bundle = getattr(datasets, source.loader)(**source.arguments)
    columns = list(source.columns) or [re.sub(r"[^a-z0-9]+", "_", str(c).lower()) for c in bundle.feature_names]
    if source.task == "regression":
        return Table(columns, bundle.data, [_spell(value) for value in bundle.target], [])
    classes = [str(word) for word in bundle.target_names]
    return Table(columns, bundle.data, [classes[code] for code in bundle.target], classes)


def derive(table: Table, *, rows: int | None = None, seed: int = 0, shift: float = 0.0) -> Table:
    """A copy with `rows` rows whose features are moved by `shift` standard deviations of the original.

    Fewer rows than there are: drawn without repetition. More: drawn with repetition and a noise of 1 % of
    each column's deviation, so that they are no duplicates. Whole-number columns stay whole, and columns
    without negative values stay so: a shifted pixel is still a pixel.
    """
    random = np.random.default_rng(seed)
    original = table.features
    have, want = len(original), len(original) if rows is None else rows
    spread = original.std(axis=0)
    order = np.arange(have) if rows is None else random.choice(have, size=want, replace=want > have)
    features = original[order]
    if want > have:
        features = features + random.normal(0.0, 0.01, features.shape) * spread
    features = features + shift * spread
    whole = (original == np.round(original)).all(axis=0)
    features[:, whole] = np.round(features[:, whole])
    features = np.where(original.min(axis=0) >= 0, np.maximum(features, 0.0), features)
    return Table(table.columns, features, [table.target[i] for i in order], table.classes)


def write(name: str, folder: Path, *, rows: int | None = None, seed: int = 0, shift: float = 0.0) -> Path:
    """Write `folder/name/{data.csv, metadata.json}` and return that folder."""
    source, table = SOURCES[name], load(name)
    metadata: dict[str, Any] = {
        "name": name, "target": source.target, "task": source.task, "classes": table.classes,
        "description": source.description, "source": source.source, "licence": source.licence,
    }  # fmt: skip
    if rows is not None or shift:
        table = derive(table, rows=rows, seed=seed, shift=shift)
        metadata["derived"] = {"rows": len(table.target), "seed": seed, "shift": shift}
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    with (place / "data.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*table.columns, source.target])
        for row, target in zip(table.features, table.target, strict=True):
            writer.writerow([*map(_spell, row), target])
    (place / "metadata.json").write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
    return place


def _spell(value: float) -> str:
    """The shortest text that reads back as the same float64; whole numbers without a point."""
    return str(int(value)) if value == int(value) else repr(float(value))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workloads.datasets", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder that receives one folder a dataset")
    parser.add_argument("--dataset", action="append", choices=sorted(SOURCES), help="default: all of them")
    parser.add_argument("--rows", type=int, help="number of rows of a derived copy")
    parser.add_argument("--seed", type=int, default=0, help="which rows a derived copy draws")
    parser.add_argument("--shift", type=float, default=0.0, help="move features by so many standard deviations")
    chosen = parser.parse_args(arguments)
    if chosen.rows is not None and chosen.rows < 1:
        parser.error(f"--rows {chosen.rows}: at least 1")
    if not np.isfinite(chosen.shift):
        parser.error(f"--shift {chosen.shift}: a finite number")
    for name in chosen.dataset or SOURCES:
        print(write(name, chosen.out, rows=chosen.rows, seed=chosen.seed, shift=chosen.shift))
    return 0


if __name__ == "__main__":
    sys.exit(main())
