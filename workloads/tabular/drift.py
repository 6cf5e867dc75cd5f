"""`drift` of tables: captured traffic and a baseline in, a decision and its report out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from workloads.contract import Paths, Run, log
from workloads.drift import report
from workloads.drift.capture import read_captures
from workloads.drift.decision import Decision, Policy, decide
from workloads.drift.lines import find_input
from workloads.tabular.features import FeaturePlan
from workloads.tabular.storage import read_raw
from workloads.tabular.target import class_words


def main() -> int:
    paths = Paths.here()
    check(
        Run.read(paths.input("run")),
        paths.input("capture"),
        paths.input("baseline"),
        paths.input("features"),
        paths.output("drift"),
    )
    return 0


def check(run: Run, capture: Path, baseline: Path, features: Path, output: Path) -> Decision:
    """Write `drift.json`, `drift_details.json`, `constraint_violations.json` and `drift_report.html` to `output`.

    Raises:
        UserError: `run.json` sets a drift limit that is no number.
    """
    plan = FeaturePlan.loads((features / "features.json").read_bytes())
    policy = Policy.read(run.everything.get("drift"))
    endpoint = str(run.everything.get("endpoint", run.model_id))
    reference, target = read_baseline(find_input(baseline, "sample.parquet"), plan)
    captured = read_captures(capture, plan, str(run.everything.get("own_requests") or ""))
    decision = decide(reference, captured.columns, policy, target, captured.predictions)
    details = {
        "endpoint": endpoint,
        "run_key": run.run_key,
        "lines": captured.lines,
        "skipped": dict(captured.skipped),
        "predictions": len(captured.predictions),
        "reference_rows": len(next(iter(reference.values()), ())),
        "policy": asdict(policy),
    }
    report.write_documents(output, endpoint, decision, details)
    report.write_report(output, decision, policy, reference, captured.columns, f"Drift of {endpoint}")
    log(decision.message, endpoint=endpoint, drifted=decision.drifted, skipped=dict(captured.skipped))
    return decision


def read_baseline(path: Path, plan: FeaturePlan) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """(features, target) of `baseline/sample.parquet`: raw units; the target as class words, numbers, or None."""
    kinds = {column.name: column.kind for column in plan.columns}
    reference = read_raw(path, kinds).columns
    if plan.target is None:
        return reference, None
    kind = _target_kind(path, plan)
    target = read_raw(path, {plan.target: kind}).columns[plan.target]
    return reference, class_words(target, kind) if plan.task == "classification" else target


def _target_kind(path: Path, plan: FeaturePlan) -> str:
    """How the target is stored: words as text, true and false as 1 and 0, numbers as numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if pa.types.is_string(pq.read_schema(path).field(plan.target).type):
        return "category"
    return "boolean" if plan.classes and set(plan.classes) <= {"true", "false"} else "number"
