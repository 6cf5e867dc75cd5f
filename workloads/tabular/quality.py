"""What the data look like: the quality report for people, the baseline for the drift check."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from workloads.markdown import cell
from workloads.tabular.reading import Table

MOST_WORDS = 20
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 20


def describe(table: Table) -> dict[str, dict[str, Any]]:
    """{column: statistics} in raw units; what does not exist (the mean of nothing) is None."""
    return {name: _describe_column(table, name) for name in table.columns}


def _describe_column(table: Table, name: str) -> dict[str, Any]:
    values, missing = table.columns[name], table.missing(name)
    present = values[~missing]
    facts: dict[str, Any] = {
        "kind": table.kinds[name],
        "missing": int(missing.sum()),
        "unreadable": table.unreadable.get(name, 0),
        "distinct": len(set(present.tolist())),
    }
    if table.kinds[name] == "category":
        counts = Counter(present.tolist())
        return facts | {"top": dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_WORDS])}
    numbers: dict[str, Any] = {"min": np.min, "mean": np.mean, "max": np.max, "std": np.std}
    return facts | {word: float(of(present)) if len(present) else None for word, of in numbers.items()}


def baseline(train: Table, target: str | None, classes: tuple[str, ...]) -> dict[str, Any]:
    """Statistics of the training split in raw units: what "as usual" means for the endpoint's inputs."""
    columns = {name: _distribution(train, name) for name in train.columns if name != target}
    document: dict[str, Any] = {"rows": train.rows, "columns": columns}
    if target is not None:
        document["target"] = {"name": target, "classes": list(classes)} | _distribution(train, target)
    return document


def _distribution(table: Table, name: str) -> dict[str, Any]:
    facts = _describe_column(table, name)
    present = table.columns[name][~table.missing(name)]
    if table.kinds[name] == "category":
        facts["categories"] = facts.pop("top")
        return facts
    if len(present):
        counts, edges = np.histogram(present, bins=BINS)
        facts["quantiles"] = {str(q): float(np.quantile(present, q)) for q in QUANTILES}
        facts["histogram"] = {"edges": edges.tolist(), "counts": counts.tolist()}
    return facts


def markdown(report: dict[str, Any]) -> str:
    """`quality_report.json` as a page."""
    rows, dropped = report["rows"], report["dropped"]
    lines = [
        f"# Data quality: {report['name']}",
        "",
        f"{rows['raw']} rows read, {sum(dropped.values())} dropped, {report['features']} features used; "
        f"task {report['task']}" + (f", target `{report['target']}`" if report["target"] else "") + ".",
        "",
        "| split | rows |" + "".join(f" {cell(word)} |" for word in report["classes"]),
        "|---|---:|" + "---:|" * len(report["classes"]),
    ]
    for split in ("train", "validation", "test"):
        shares = report["class_rows"].get(split, {})
        lines.append(f"| {split} | {rows[split]} |" + "".join(f" {shares.get(w, 0)} |" for w in report["classes"]))
    lines += ["", "| rows dropped because | rows |", "|---|---:|"]
    lines += [f"| {reason.replace('_', ' ')} | {count} |" for reason, count in dropped.items()]
    lines += [
        "",
        f"Duplicates found: {report['duplicates']}. Outliers: {report['outlier_method']}; judged and dropped in the "
        "training split only.",
        "",
        "| column | kind | missing | unreadable | outliers | distinct | min | mean | max | used |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, facts in report["columns"].items():
        numbers = " | ".join(_number(facts.get(word)) for word in ("min", "mean", "max"))
        lines.append(f"| {cell(name)} | {facts['kind']} | {facts['missing']} | {facts['unreadable']} | "
                     f"{facts['outliers']} | {facts['distinct']} | {numbers} | {cell(facts['used'])} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
