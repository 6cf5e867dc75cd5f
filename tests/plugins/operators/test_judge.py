"""The verdict is the pure judge's; the branch follows it."""

from __future__ import annotations

import pytest
from operators.judge import JudgeOperator, VerdictBranchOperator

EVALUATION = {
    "task": "classification", "metrics": {"f1": 0.95, "accuracy": 0.96}, "rows": 114, "seal_intact": True,
    "champion_metrics": None, "champion_version": None,
}  # fmt: skip


def judged(context, thresholds):
    context["ti"].xcoms = {
        "open_run": {"spec": {"evaluation": {"thresholds": thresholds}}},
        "validate.evaluate_model": EVALUATION,
    }
    return JudgeOperator(task_id="judge", run="open_run", evaluation="validate.evaluate_model").execute(context)


def test_thresholds_of_the_run_decide(context):
    assert judged(context, {"f1": 0.9})["decision"] == "deploy"
    assert judged(context, {"f1": 0.99})["decision"] == "below_threshold"


@pytest.mark.parametrize(("accepted", "way"), [(True, ["package.package_model"]), (False, ["retrain.decide_next"])])
def test_branch_follows_the_recorded_verdict(bridge_server, script, context, accepted, way):
    script.on("record_verdict", {})
    verdict = {"accepted": accepted, "decision": "deploy" if accepted else "below_threshold"}
    context["ti"].xcoms = {"validate.judge_model": verdict}
    branch = VerdictBranchOperator(
        task_id="record", agent="evaluation", verdict="validate.judge_model",
        accepted=["package.package_model"], otherwise=["retrain.decide_next"],
    )  # fmt: skip
    assert branch.choose_branch(context) == way
    assert script.asked[0][1]["verdict"] == verdict
