"""No run ends in silence."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from mcp.server.mcpserver.exceptions import ToolError
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
    assert asked["fault"] == "user"


def test_a_run_that_could_not_be_closed_has_no_phase_that_failed(bridge_server, script, context):
    context["ti"].task_id = "close_run"
    report_failure({**context, "exception": RuntimeError("[unavailable] GitHub did not answer.")})
    assert script.asked == []


def test_task_that_died_without_a_word_is_reported_before_closing(bridge_server, script, context):
    script.on("report_failure", {})
    script.on("close_run", {"outcome": "failed"})
    states = {"open_run": "success", "train.train_model": "failed", "package.package_model": "upstream_failed"}
    context["ti"].task_id = "close_run"
    context["ti"].get_task_states = lambda dag_id, run_ids: {run_ids[0]: states}
    CloseRunOperator(task_id="close_run", agent="history_writer").execute(context)
    assert [tool for tool, _ in script.asked] == ["report_failure", "close_run"]
    assert script.asked[0][1]["phase"] == "train"
    assert script.asked[0][1]["fault"] == "platform"


def test_a_form_with_a_mistake_leaves_nothing_to_report_or_to_close(bridge_server, script, context):
    script.on("get_run", ToolError("[refused] There is no run ui-1."))
    context["ti"].task_id = "open_run"
    report_failure({**context, "exception": RuntimeError("[rejected] hyperparameters_C: is no setting of pca.")})
    context["ti"].task_id = "close_run"
    context["ti"].get_task_states = lambda dag_id, run_ids: {run_ids[0]: {"open_run": "failed"}}
    with pytest.raises(AirflowSkipException, match=r"open_run says why: .*There is no run ui-1"):
        CloseRunOperator(task_id="close_run", agent="history_writer").execute(context)
    assert {tool for tool, _ in script.asked} == {"get_run"}


def test_an_issues_run_that_could_not_be_opened_is_reported_and_closed(bridge_server, script, context):
    script.on("get_run", {"run_key": "gh-1"})
    script.on("report_failure", {})
    script.on("close_run", {"outcome": "failed"})
    context["ti"].task_id = "close_run"
    context["ti"].get_task_states = lambda dag_id, run_ids: {run_ids[0]: {"open_run": "failed"}}
    CloseRunOperator(task_id="close_run", agent="history_writer").execute(context)
    assert [tool for tool, _ in script.asked] == ["get_run", "report_failure", "close_run"]
