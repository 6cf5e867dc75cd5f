"""One tool, one task, one key."""

from __future__ import annotations

from operators.bridge import ToolOperator, intention


def test_run_key_is_the_default_argument(bridge_server, script, context):
    script.on("close_run", {"outcome": "deployed"})
    answer = ToolOperator(task_id="close", tool="close_run", agent="history_writer").execute(context)
    assert answer == {"outcome": "deployed"}
    assert script.asked[0][1]["run_key"] == context["run_id"]


def test_template_text_in_an_argument_arrives_untouched(bridge_server, script, context):
    script.on("report_failure", {})
    hostile = "{{ 7 * 7 }}{% raw %}"
    operator = ToolOperator(
        task_id="t", tool="report_failure", agent="history_writer",
        arguments={"run_key": "gh-1", "phase": "train", "reason": hostile, "fault": "platform"},
    )  # fmt: skip
    assert operator.template_fields == ()
    operator.execute(context)
    assert script.asked[0][1]["reason"] == hostile


def test_key_is_the_same_for_each_repetition_of_a_task(context):
    assert intention(context, "close_run") == intention(context, "close_run")


def test_keys_differ_by_task_run_index_and_tool(context):
    seen = {intention(context, "close_run"), intention(context, "open_run"), intention(context, "a", each_try=True)}
    context["ti"].map_index = 1
    seen.add(intention(context, "close_run"))
    context["ti"].task_id = "other"
    seen.add(intention(context, "close_run"))
    seen.add(intention({**context, "run_id": "manual__2026"}, "close_run"))
    assert len(seen) == 6


def test_long_run_ids_make_keys_that_fit(context):
    assert len(intention({**context, "run_id": "x" * 250}, "close_run")) <= 200
