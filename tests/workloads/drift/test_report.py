"""The plain page stands in where Evidently cannot draw; names from the data cannot become markup."""

from __future__ import annotations

import numpy as np

from workloads.drift.decision import Decision, Finding, Policy, decide
from workloads.drift.report import plain_page, violations, write_report

FINDINGS = (
    Finding("<b>age</b>", "ks", 1e-9, 0.42, 0.1, q_value=2e-9, drifted=True),
    Finding("income", "missing", 1e-4, 0.25, 0.1, q_value=1e-4, drifted=True),
    Finding("height", "ks", 0.7, 0.02, 0.1, q_value=0.7),
)
DECISION = Decision(100, True, 0.67, FINDINGS, "2 of 3 features drifted")


def test_violations_have_model_monitors_shape():
    assert violations(DECISION) == {
        "violations": [
            {
                "feature_name": "<b>age</b>",
                "constraint_check_type": "baseline_drift_check",
                "description": "Baseline drift distance: 0.42 exceeds threshold: 0.1 "
                "(normed Wasserstein distance, q = 2e-09)",
            },
            {
                "feature_name": "income",
                "constraint_check_type": "completeness_check",
                "description": "Baseline drift distance: 0.25 exceeds threshold: 0.1 "
                "(rise of the share of missing values, q = 0.0001)",
            },
        ]
    }


def test_plain_page_escapes_what_the_data_say():
    page = plain_page(DECISION, "Drift of <x>", "no picture")
    assert "<b>age" not in page
    assert "&lt;b&gt;age&lt;/b&gt;" in page
    assert "2 of 3 features drifted" in page


def test_words_of_a_request_do_not_run_on_evidentlys_page(tmp_path):
    evil = "</script><script>alert(1)</script>"
    words = np.array(["a", evil] * 100, dtype=object)
    columns = {evil: np.random.default_rng(0).normal(size=200), "colour": words}
    write_report(tmp_path, decide(columns, columns, Policy()), Policy(), columns, columns, "title")
    page = (tmp_path / "drift_report.html").read_text()
    assert "/script\\u203a" in page or "/script›" in page
    assert evil not in page


def test_column_without_a_value_does_not_cost_the_report(tmp_path):
    reference = {"x": np.arange(100.0), "gone": np.arange(100.0)}
    current = {"x": np.arange(60.0), "gone": np.full(60, np.nan)}
    write_report(tmp_path, decide(reference, current, Policy()), Policy(), reference, current, "title")
    assert (tmp_path / "drift_report.json").exists()


def test_scores_name_drifted_features_worst_first():
    assert DECISION.scores == {"<b>age</b>": 0.42, "income": 0.25}
