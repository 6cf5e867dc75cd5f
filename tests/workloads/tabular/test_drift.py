"""The whole drift job on real data: the bundled wines, and the same wines moved."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mlops.handles import DriftReport
from workloads import __main__ as workloads_entry
from workloads import datasets
from workloads.contract import write_json
from workloads.tabular.features import Column, FeaturePlan
from workloads.tabular.reading import Table
from workloads.tabular.storage import write_raw


@pytest.fixture
def base(tmp_path, monkeypatch):
    """An `/opt/ml` with the features and the baseline of the wine data, as `prepare` writes them."""
    table = datasets.load("wine")
    plan = FeaturePlan(
        columns=tuple(Column(name, "number", fill=0.0) for name in table.columns), outputs=tuple(table.columns),
        offset=(0.0,) * 13, scale=(1.0,) * 13, task="classification", target="cultivar", classes=tuple(table.classes),
    )  # fmt: skip
    inputs = tmp_path / "processing" / "input"
    write_json(inputs / "features" / "features.json", plan.to_json())
    columns = dict(zip(table.columns, table.features.T.copy(), strict=True))
    columns["cultivar"] = np.array(table.target, dtype=object)
    kinds = dict.fromkeys(table.columns, "number") | {"cultivar": "category"}
    write_raw(inputs / "baseline" / "baseline" / "sample.parquet", Table(columns, kinds))
    write_json(
        inputs / "run" / "run.json",
        {"run_key": "drift-1", "endpoint": "mlops-wine", "spec": {"algorithm": "random_forest"}},
    )
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    return tmp_path


def capture(base, table):
    """One captured request a row, answered by the true cultivar."""
    lines = []
    for row, label in zip(table.features.tolist(), table.target, strict=True):
        asked = {"observedContentType": "text/csv", "mode": "INPUT", "data": ",".join(map(str, row)), "encoding": "CSV"}
        answer = json.dumps({"predictions": [{"label": label}]})
        told = {"observedContentType": "application/json", "mode": "OUTPUT", "data": answer, "encoding": "JSON"}
        lines.append(json.dumps({"captureData": {"endpointInput": asked, "endpointOutput": told}}))
    folder = base / "processing" / "input" / "capture" / "mlops-wine"
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_text("\n".join([*lines, "broken"]))


def outcome(base):
    assert workloads_entry.main(["drift"]) == 0
    output = base / "processing" / "output" / "drift"
    documents = {path.name: json.loads(path.read_text()) for path in output.glob("*.json")}
    return output, documents


def test_moved_wines_are_drift_with_report_and_violations(base):
    capture(base, datasets.derive(datasets.load("wine"), rows=120, shift=1.0))
    output, documents = outcome(base)
    report = DriftReport(**documents["drift.json"])
    assert (report.endpoint, report.checked_rows, report.drifted, report.share) == ("mlops-wine", 120, True, 1.0)
    violations = documents["constraint_violations.json"]["violations"]
    assert {one["feature_name"] for one in violations} == set(datasets.load("wine").columns)
    assert all(one["constraint_check_type"] == "baseline_drift_check" for one in violations)
    assert "exceeds threshold: 0.1" in violations[0]["description"]
    assert documents["drift_details.json"]["skipped"] == {"broken_line": 1}
    assert documents["drift_details.json"]["policy"]["minimum_rows"] == 50
    page = (output / "drift_report.html").read_text()
    assert "malic_acid" in page
    assert len(page) > 1_000_000  # works offline: its scripts are inside
    assert documents["drift_report.json"]["metrics"]


def test_same_wines_are_no_drift(base):
    capture(base, datasets.derive(datasets.load("wine"), rows=100, seed=4))
    _, documents = outcome(base)
    assert documents["drift.json"]["drifted"] is False
    assert documents["constraint_violations.json"] == {"violations": []}


def test_few_rows_are_not_judged_and_the_page_says_so(base):
    (base / "processing" / "input" / "capture").mkdir()
    output, documents = outcome(base)
    assert documents["drift.json"]["message"] == "Not judged: 0 rows captured, 50 are needed."
    assert "Not judged: 0 rows" in (output / "drift_report.html").read_text()


def test_limits_come_from_the_run(base):
    write_json(base / "processing" / "input" / "run" / "run.json", {"endpoint": "e", "drift": {"minimum_rows": 500},
                                                                       "spec": {"algorithm": "xgboost"}})  # fmt: skip
    capture(base, datasets.derive(datasets.load("wine"), rows=120, shift=1.0))
    assert "500 are needed" in outcome(base)[1]["drift.json"]["message"]


def test_senseless_limit_is_the_requesters_mistake(base):
    wrong = {"drift": {"share": "half"}, "spec": {"algorithm": "pca"}}
    write_json(base / "processing" / "input" / "run" / "run.json", wrong)
    assert workloads_entry.main(["drift"]) == 2
    assert (base / "output" / "message").read_text() == "UserError: drift.share: 'half' given; a number is needed"
