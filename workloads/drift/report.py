"""The drift report for people (Evidently), and the violations file in Model Monitor's shape."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workloads.contract import log, write_json
from workloads.drift.decision import Decision, Finding, Policy

MOST_ROWS = 5000
"""Rows of the current data Evidently is given; its cost grows with them, the decision used them all."""

_TESTS = {
    "ks": "normed Wasserstein distance",
    "chi_square": "population stability index",
    "missing": "rise of the share of missing values",
    "mean": "shift of the mean in standard deviations",
}


def violations(decision: Decision) -> dict[str, Any]:
    """`constraint_violations.json`: one entry per drifted feature and reason."""
    return {
        "violations": [
            {
                "feature_name": one.feature,
                "constraint_check_type": "completeness_check" if one.test == "missing" else "baseline_drift_check",
                "description": (
                    f"Baseline drift distance: {one.effect:.4g} exceeds threshold: {one.limit:g} "
                    f"({_TESTS[one.test]}, q = {one.q_value:.3g})"
                ),
            }
            for one in decision.findings
            if one.drifted
        ]
    }


def write_report(folder: Path, decision: Decision, policy: Policy, reference: Mapping[str, np.ndarray],
                 current: Mapping[str, np.ndarray], title: str) -> None:  # fmt: skip
    """Write `drift_report.html`, and `drift_report.json` where Evidently could run.

    The decision stands without the picture: where nothing was compared, or Evidently fails, a plain page is written.
    """
    page = folder / "drift_report.html"
    names = [name for name in reference if _any(reference[name]) and _any(current[name])]
    note = "Evidently drew nothing: there is too little to compare."
    if decision.findings and names:
        try:
            snapshot = _evidently(names, reference, current, policy)
            snapshot.save_html(str(page))
            snapshot.save_json(str(folder / "drift_report.json"))
            return
        except Exception as failed:  # a third party's plots must not cost the drift check
            note = f"Evidently failed: {type(failed).__name__}: {failed}"
            log(note, level="WARNING")
    page.write_text(plain_page(decision, title, note), encoding="utf-8")


def plain_page(decision: Decision, title: str, note: str) -> str:
    """The findings as one table."""
    rows = "".join(_row(one) for one in decision.findings)
    head = "<tr><th>feature</th><th>test</th><th>effect</th><th>limit</th><th>q</th><th>drifted</th></tr>"
    return (
        f"<!doctype html><meta charset='utf-8'><title>{html.escape(title)}</title><h1>{html.escape(title)}</h1>"
        f"<p>{html.escape(decision.message)}</p><p>{html.escape(note)}</p><table>{head}{rows}</table>\n"
    )


def _row(one: Finding) -> str:
    cells = (one.feature, one.test, f"{one.effect:.4g}", f"{one.limit:g}", f"{one.q_value:.3g}",
             "yes" if one.drifted else "no")  # fmt: skip
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _evidently(names: list[str], reference: Mapping[str, np.ndarray], current: Mapping[str, np.ndarray],
               policy: Policy) -> Any:  # fmt: skip
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    shown = {name: f"{_inert(name)} ({place})" if _inert(name) != name else name for place, name in enumerate(names)}
    words = [name for name in names if reference[name].dtype == object]
    definition = DataDefinition(
        numerical_columns=[shown[name] for name in names if name not in words],
        categorical_columns=[shown[name] for name in words],
    )
    picked = np.random.default_rng(0).permutation(len(current[names[0]]))[:MOST_ROWS]
    frames = [
        pd.DataFrame({shown[name]: _inert_words(sample[name]) for name in names})
        for sample in ({name: current[name][picked] for name in names}, reference)
    ]
    now, before = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
    return Report([DataDriftPreset(drift_share=policy.share)], include_tests=True).run(now, before)


def _inert(text: str) -> str:
    """Evidently writes names and words into a script as they are: `</script>` in a request would run on the page."""
    return text.replace("<", "‹").replace(">", "›")


def _inert_words(values: np.ndarray) -> np.ndarray:
    if values.dtype != object:
        return values
    return np.array([None if word is None else _inert(word) for word in values], dtype=object)


def _any(values: np.ndarray) -> bool:
    return any(v is not None for v in values) if values.dtype == object else bool(np.isfinite(values).any())


def write_documents(folder: Path, endpoint: str, decision: Decision, details: dict[str, Any]) -> None:
    """`drift.json` (mlops.handles.DriftReport without its address), the violations, and all findings."""
    write_json(
        folder / "drift.json",
        {
            "endpoint": endpoint,
            "checked_rows": decision.rows,
            "share": decision.share,
            "drifted": decision.drifted,
            "features": decision.scores,
            "message": decision.message,
        },
    )
    write_json(folder / "constraint_violations.json", violations(decision))
    write_json(folder / "drift_details.json", details | {"findings": [one.as_dict() for one in decision.findings]})
