"""The gate over checkov's report does not pass in silence."""

from __future__ import annotations

import pytest

from twin.infra.review import judge

FINE = {"passed": 600, "failed": 0, "skipped": 1, "parsing_errors": 0}
REASON = {"check_id": "CKV_1", "resource": "r", "check_result": {"suppress_comment": "because"}}


@pytest.mark.parametrize(
    ("counts", "skipped", "passes"),
    [
        (FINE, [REASON], True),
        ({**FINE, "passed": 0}, [], False),
        ({**FINE, "failed": 1}, [], False),
        ({**FINE, "parsing_errors": 1}, [], False),
        (FINE, [{**REASON, "check_result": {}}], False),
    ],
    ids=["fine", "nothing-looked-at", "a-finding", "a-file-not-read", "no-reason"],
)
def test_gate(counts, skipped, passes):
    report = {"summary": counts, "results": {"failed_checks": [], "skipped_checks": skipped}}
    assert judge(report) is passes
