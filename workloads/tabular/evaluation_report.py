"""The evaluation as a page: Markdown for the repository, self-contained HTML for the browser."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workloads.contract import Run, without_none
from workloads.tabular.features import FeaturePlan

MetricRow = tuple[str, str, str, str]
"""Metric, this model, champion, asked for."""

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1f2328;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}th,td{border-bottom:1px solid #d1d9e0;padding:.3rem .8rem;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}figure{margin:1rem 0}img{max-width:100%}
figcaption,small{color:#59636e}.bad{color:#cf222e;font-weight:600}
"""


def write(folder: Path, run: Run, plan: FeaturePlan, results: dict[str, Any], training: dict[str, Any]) -> None:
    """`evaluation_report.md` and `.html`, from the same facts."""
    facts = _facts(run, plan, results, training)
    table = _metric_rows(run, results)
    (folder / "evaluation_report.md").write_text(_markdown(facts, table, results), encoding="utf-8")
    (folder / "evaluation_report.html").write_text(_html(folder, facts, table, results), encoding="utf-8")


def _facts(run: Run, plan: FeaturePlan, results: dict[str, Any], training: dict[str, Any]) -> list[tuple[str, str]]:
    seal = "intact: test rows unchanged since prepare, none seen in training" if results["seal_intact"] else "BROKEN"
    champion = results["champion_version"] or "none"
    return [
        ("Run", run.run_key), ("Algorithm", training["algorithm"].replace("_", " ")),
        ("Task", plan.task.replace("_", " ")), ("Target", plan.target or "none"),
        ("Test rows", str(results["rows"])), ("Seal", seal), ("Champion", champion),
        ("Training time", f"{training['seconds']:.1f} s"), ("Dataset version", run.dataset_version or "unknown"),
    ]  # fmt: skip


def _metric_rows(run: Run, results: dict[str, Any]) -> list[MetricRow]:
    """A threshold without a metric is shown, too."""
    asked = without_none(run.spec.get("evaluation")).get("thresholds") or {}
    champion = results["champion_metrics"] or {}
    names = [*results["metrics"], *(name for name in asked if name not in results["metrics"])]
    return [(name, _number(results["metrics"].get(name)), _number(champion.get(name)), _number(asked.get(name)))
            for name in names]  # fmt: skip


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) else "–"


def _markdown(facts: Iterable[tuple[str, str]], table: list[MetricRow], results: dict[str, Any]) -> str:
    lines = ["# Evaluation", "", "| | |", "|---|---|", *(f"| {name} | {_code(value)} |" for name, value in facts), ""]
    lines += ["| metric | this model | champion | asked for |", "|---|---:|---:|---:|"]
    lines += [f"| {_code(name)} | {mine} | {theirs} | {asked} |" for name, mine, theirs, asked in table]
    lines += ["", *(f"![{_title(name)}]({name})\n" for name in results["plots"])]
    return "\n".join(lines)


def _html(folder: Path, facts: Iterable[tuple[str, str]], table: list[MetricRow], results: dict[str, Any]) -> str:
    safe = html.escape
    about = "".join(f"<tr><th>{safe(name)}</th><td{' class=bad' if value == 'BROKEN' else ''}>{safe(value)}</td></tr>"
                    for name, value in facts)  # fmt: skip
    cells = [
        [f"<td>{safe(name)}</td>", *(f'<td class="n">{safe(word)}</td>' for word in words)] for name, *words in table
    ]
    rows = "".join(f"<tr>{''.join(row)}</tr>" for row in cells)
    images = ""
    for name in results["plots"]:
        picture = base64.b64encode((folder / name).read_bytes()).decode()
        images += (f'<figure><img alt="{_title(name)}" src="data:image/png;base64,{picture}">'
                   f"<figcaption>{_title(name)}</figcaption></figure>\n")  # fmt: skip
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Evaluation</title><style>{STYLE}</style>'
        f"</head>\n<body><h1>Evaluation</h1>\n<table>{about}</table>\n<h2>Metrics</h2>\n<table><tr><th>metric</th>"
        f"<th>this model</th><th>champion</th><th>asked for</th></tr>{rows}</table>\n{images}</body></html>\n"
    )


def _title(name: str) -> str:
    return name.removesuffix(".png").replace("_", " ").capitalize()


def _code(text: str) -> str:
    """Names from the issue and the data are shown, never interpreted."""
    clean = "".join(ch if ch.isprintable() else " " for ch in text).replace("`", "'").replace("|", "\\|")
    return f"`{clean}`"
