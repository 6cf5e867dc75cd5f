"""No run ends in silence."""

from __future__ import annotations

import pytest
from operators.closing import CloseRunOperator, phase_of, report_failure

from mlops.identity import Phase


@pytest.mark.parametrize(
    ("task_id", "phase"),
    [("train.train_model", Phase.TRAIN), ("deploy.deploy_model", Phase.DEPLOY), ("open_run", Phase.PREPARE)],
)
def test_phase_is_the_task_group(task_id, phase):
    assert phase_of(task_id) is phase


def test_failure_is_reported_in_its_own_words(bridge_server, script, context):
    script.on("report_failure", {})
    report_failure({**context, "exception": RuntimeError("[user_fault] Column `target` is missing.")})
    asked = script.asked[0][1]
    assert (asked["phase"], asked["reason"]) == ("train", "Column `target` is missing.")


def test_task_that_died_without_a_word_is_reported_before_closing(bridge_server, script, context):
    script.on("report_failure", {})
    script.on("close_run", {"outcome": "failed"})
    states = {"open_run": "success", "train.train_model": "failed", "package.package_model": "upstream_failed"}
    context["ti"].task_id = "close_run"
    context["ti"].get_task_states = lambda dag_id, run_ids: {run_ids[0]: states}
    CloseRunOperator(task_id="close_run", agent="history_writer").execute(context)
    assert [tool for tool, _ in script.asked] == ["report_failure", "close_run"]
    assert script.asked[0][1]["phase"] == "train"
