"""`prepare`: raw objects in; cleaned, split and encoded data, their recipe and their quality report out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workloads.contract import Paths, Run, UserError, log, write_json
from workloads.tabular import cleaning, fitting, quality, seal, splitting, storage
from workloads.tabular.features import FeaturePlan
from workloads.tabular.reading import Table, read_metadata, read_table
from workloads.tabular.target import SUPERVISED, Goal, class_words, resolve_goal

SAMPLE_ROWS = 2000
DEFAULT_SEED = 0
LARGEST_NUMBER = 1e30


@dataclass(frozen=True)
class Cleaned:
    """Rows that may be used, whichever split they go to."""

    table: Table
    row_id: np.ndarray
    """Position of each row in the raw objects."""
    keys: np.ndarray
    """Fingerprint of each row's features."""
    names: list[str]
    """Raw columns that may serve as features."""
    notes: dict[str, str]
    dropped: dict[str, int]
    duplicates: int


def main() -> int:
    paths = Paths.here()
    prepare(Run.read(paths.input("run")), paths.input("raw"), paths.output("dataset"), paths.output("report"))
    return 0


def prepare(run: Run, raw: Path, dataset: Path, report: Path) -> dict[str, Any]:
    """Write the dataset version to `dataset` and its manifest to `report`; returns the manifest.

    The control plane copies the manifest beside the data last: a version without it is not complete.

    Raises:
        UserError: the data or the settings cannot give a dataset; says what to change.
    """
    table, metadata = read_table(raw), read_metadata(raw)
    if not table.rows:
        raise UserError(f"dataset: the objects hold column names but no rows; bring at least {splitting.FEWEST_ROWS}")
    goal = resolve_goal(run, metadata, table)
    _check_range(table, goal)
    cleaned = clean(table, goal, run.preprocessing)
    target = encode_target(cleaned.table, goal)
    seed = int(run.dataset.get("splits", {}).get("seed", DEFAULT_SEED))
    rows = splitting.split_rows(
        cleaned.keys, target if goal.task == "classification" else None, _shares(run), seed=seed
    )
    found = drop_train_outliers(cleaned, rows, run.preprocessing)
    _check_train(rows["train"], target, goal, run.preprocessing)
    parts = {name: cleaned.table.select(cleaned.names).take(chosen) for name, chosen in rows.items()}
    targets = {name: None if target is None else target[chosen] for name, chosen in rows.items()}
    plan = fitting.fit(parts["train"], targets["train"], goal, run.preprocessing, cleaned.notes)
    splits = {
        name: storage.Split(
            fitting.training_matrix(plan, part, targets[name], seed) if name == "train" else plan.apply(part.columns),
            targets[name], cleaned.row_id[rows[name]], cleaned.keys[rows[name]],
        )
        for name, part in parts.items()
    }  # fmt: skip
    files = write_dataset(dataset, plan, goal, splits, cleaned, rows)
    write_json(
        dataset / "baseline.json", quality.baseline(_raw(cleaned, plan, goal, rows["train"]), goal.target, goal.classes)
    )
    summary = report_quality(dataset, run, table, cleaned, goal, plan, rows, found)
    write_json(dataset / "metadata.json", _metadata(run, metadata, goal, table))
    for name in ("features.json", "baseline.json", "quality_report.json", "quality_report.md", "metadata.json"):
        files[name] = seal.entry(dataset / name)
    manifest = {
        "files": files, "task": goal.task, "target": goal.target, "classes": list(goal.classes),
        "features": len(plan.outputs), "rows": {name: len(chosen) for name, chosen in rows.items()},
        "dropped": summary["dropped"], "kinds": cleaned.table.kinds, "row_hash_columns": cleaned.names,
        "row_hashes_sha256": {name: seal.rows_digest(split.row_hash) for name, split in splits.items()}
        | {"seen": seal.rows_digest(np.concatenate([splits["train"].row_hash, splits["validation"].row_hash]))},
        "dataset_version": run.dataset_version, "sources": table.sources,
    }  # fmt: skip
    write_json(report / "manifest.json", manifest)
    log("Prepared", rows=manifest["rows"], features=manifest["features"], dropped=manifest["dropped"], task=goal.task)
    return manifest


def _check_range(table: Table, goal: Goal) -> None:
    """Models compute in float32: a number far outside would become infinite on the way."""
    for name, values in table.columns.items():
        if table.kinds[name] != "number" or name == goal.excluded:
            continue
        largest = float(np.max(np.abs(values[~table.missing(name)]), initial=0.0))
        if largest > LARGEST_NUMBER:
            raise UserError(
                f"dataset: column {name!r} holds {largest:.3g}; at most {LARGEST_NUMBER:g} can be learnt from. "
                "Change its unit, or leave such entries empty"
            )


def clean(table: Table, goal: Goal, preprocessing: dict[str, Any]) -> Cleaned:
    """Rows without a target, duplicates and (for `missing: drop`) rows with gaps leave; nothing is filled here.

    Duplicates leave before the split: a copy on the other side would be a leak.
    """
    features = [name for name in table.columns if name not in (goal.target, goal.excluded)]
    if not features:
        raise UserError(f"dataset: there is no column beside the target {goal.target!r}; bring some features")
    dropped: dict[str, int] = {}
    row_id = np.arange(table.rows)
    if goal.target is not None:
        keep = ~table.missing(goal.target)
        dropped["missing_target"] = int((~keep).sum())
        table, row_id = table.take(keep), row_id[keep]
    if goal.words and goal.target is not None:
        known = np.isin(class_words(table.columns[goal.target], table.kinds[goal.target]).astype(str), goal.words)
        dropped["other_classes"] = int((~known).sum())
        table, row_id = table.take(known), row_id[known]
    names, notes = cleaning.usable_columns(table, features)
    if not names:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in notes.items())
        raise UserError(f"dataset: no column can serve as a feature ({reasons[:600]}); bring others")
    whole = cleaning.fingerprints(table, [*names, goal.target] if goal.target else names)
    first = cleaning.first_of_each(whole)
    duplicates = int((~first).sum())
    if preprocessing.get("duplicates", "drop") == "drop":
        dropped["duplicates"] = duplicates
        table, row_id = table.take(first), row_id[first]
    if preprocessing.get("missing") == "drop":
        keep = cleaning.whole_rows(table, names)
        dropped["missing_values"] = int((~keep).sum())
        table, row_id = table.take(keep), row_id[keep]
    return Cleaned(table, row_id, cleaning.fingerprints(table, names), names, notes, dropped, duplicates)


def encode_target(table: Table, goal: Goal) -> np.ndarray | None:
    """(n,) int64 class codes, float64 numbers, or None for unsupervised tasks."""
    if goal.target is None:
        return None
    values = table.columns[goal.target]
    if goal.task == "regression":
        return values.astype(np.float64)
    codes = {word: code for code, word in enumerate(goal.words)}
    return np.array([codes[word] for word in class_words(values, table.kinds[goal.target])], dtype=np.int64)


def drop_train_outliers(cleaned: Cleaned, rows: dict[str, np.ndarray], preprocessing: dict[str, Any]) -> dict[str, int]:
    """Outliers per column of the training split; the rows that hold one leave `rows["train"]`.

    Validation and test keep theirs: the world does not clean itself before it asks for a prediction.
    """
    train = cleaned.table.take(rows["train"])
    limit = cleaning.outlier_limit(preprocessing)
    found = cleaning.outliers(train, cleaned.names, preprocessing.get("outliers", "none"), limit)
    if found:
        outside = np.any(list(found.values()), axis=0)
        cleaned.dropped["outliers"] = int(outside.sum())
        rows["train"] = rows["train"][~outside]
    return {name: int(mask.sum()) for name, mask in found.items()}


def _check_train(train: np.ndarray, target: np.ndarray | None, goal: Goal, preprocessing: dict[str, Any]) -> None:
    lost = (
        len(set(range(len(goal.classes))) - set(target[train].tolist())) if goal.classes and target is not None else 0
    )
    if len(train) >= 2 and not lost:
        return
    method, limit = preprocessing.get("outliers", "none"), cleaning.outlier_limit(preprocessing)
    raise UserError(
        f"preprocessing.outliers: {method} with outlier_limit {limit:g} leaves {len(train)} training rows and empties "
        f"{lost} of {len(goal.classes)} classes; raise outlier_limit or choose none"
    )


def _shares(run: Run) -> dict[str, Any]:
    return {name: value for name, value in run.dataset.get("splits", {}).items() if name in splitting.SPLITS}


def _raw(cleaned: Cleaned, plan: FeaturePlan, goal: Goal, chosen: np.ndarray) -> Table:
    """The columns the plan uses in raw units, and the target: classes by name, as predictions will spell them."""
    table = cleaned.table.select([*plan.names, *([goal.target] if goal.target else [])]).take(chosen)
    codes = encode_target(table, goal)
    if goal.classes and goal.target and codes is not None:
        table.columns[goal.target] = np.array(goal.classes, dtype=object)[codes]
        table.kinds[goal.target] = "category"
    return table


def write_dataset(folder: Path, plan: FeaturePlan, goal: Goal, splits: dict[str, storage.Split], cleaned: Cleaned,
                  rows: dict[str, np.ndarray]) -> dict[str, dict[str, Any]]:  # fmt: skip
    """The Parquet files and `features.json`; returns the manifest entries of the Parquet files."""
    files = {}
    for name, split in splits.items():
        path = folder / name / "data.parquet"
        storage.write_split(path, split, plan)
        files[f"{name}/data.parquet"] = seal.entry(path, len(split.row_id))
    # All raw columns: a champion with another recipe is judged on the very same rows.
    raw = folder / "test" / "raw.parquet"
    storage.write_raw(raw, cleaned.table.take(rows["test"]), splits["test"].row_id)
    files["test/raw.parquet"] = seal.entry(raw, len(rows["test"]))
    train = rows["train"]
    picked = np.sort(np.random.default_rng(DEFAULT_SEED).permutation(train)[:SAMPLE_ROWS])
    sample = folder / "baseline" / "sample.parquet"
    storage.write_raw(sample, _raw(cleaned, plan, goal, picked))
    files["baseline/sample.parquet"] = seal.entry(sample, len(picked))
    write_json(folder / "features.json", plan.to_json())
    return files


def report_quality(folder: Path, run: Run, raw: Table, cleaned: Cleaned, goal: Goal, plan: FeaturePlan,
                   rows: dict[str, np.ndarray], found: dict[str, int]) -> dict[str, Any]:  # fmt: skip
    """Write `quality_report.json` and `.md`; columns are described as they came, before any cleaning."""
    dropped = {reason: count for reason, count in cleaned.dropped.items() if count}
    unused = raw.rows - sum(dropped.values()) - sum(map(len, rows.values()))
    if unused:
        dropped["beyond_split_counts"] = unused
    columns = quality.describe(raw)
    for name, facts in columns.items():
        facts["outliers"] = found.get(name, 0)
        facts["used"] = "target" if name == plan.target else "yes" if name in plan.names else plan.notes.get(name, "no")
    class_rows: dict[str, dict[str, int]] = {}
    if plan.classes and plan.target:
        words = class_words(cleaned.table.columns[plan.target], cleaned.table.kinds[plan.target])
        named = list(zip(goal.classes, goal.words, strict=True))
        class_rows = {s: {c: int((words[chosen] == w).sum()) for c, w in named} for s, chosen in rows.items()}
    method, limit = run.preprocessing.get("outliers", "none"), cleaning.outlier_limit(run.preprocessing)
    summary = {
        "name": run.dataset.get("name", "dataset"), "task": plan.task, "target": plan.target,
        "classes": list(plan.classes), "features": len(plan.outputs), "duplicates": cleaned.duplicates,
        "outlier_method": method if method == "none" else f"{method}, limit {limit:g}",
        "rows": {"raw": raw.rows} | {name: len(chosen) for name, chosen in rows.items()},
        "class_rows": class_rows, "dropped": dropped, "columns": columns, "preprocessing": run.preprocessing,
    }  # fmt: skip
    write_json(folder / "quality_report.json", summary)
    (folder / "quality_report.md").write_text(quality.markdown(summary), encoding="utf-8")
    return summary


def _metadata(run: Run, given: dict[str, Any], goal: Goal, table: Table) -> dict[str, Any]:
    """What travels with the version: where the data come from and what they mean. No run key: versions are shared."""
    kept = {name: given[name] for name in ("description", "source", "licence") if name in given}
    return kept | {
        "name": run.dataset.get("name", "dataset"), "task": goal.task, "target": goal.target,
        "classes": list(goal.classes), "dataset_version": run.dataset_version, "data_as_of": run.data_as_of,
        "sources": table.sources, "supervised": goal.task in SUPERVISED,
    }  # fmt: skip
