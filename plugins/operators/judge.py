"""The judge is a pure function; its verdict goes on record and chooses the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator, BaseOperator

from operators.bridge import BridgeOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class JudgeOperator(BaseOperator):
    """Returns the Verdict on an evaluation: the thresholds are the run's own, the figures were recomputed.

    Args:
        run: id of the task that returned the RunRecord.
        evaluation: id of the task that returned the Evaluation.
    """

    template_fields = ()
    ui_color = "#fef7e0"

    def __init__(self, *, run: str, evaluation: str, **options: Any):
        super().__init__(**options)
        self.run, self.evaluation = run, evaluation

    def execute(self, context: Context) -> dict[str, Any]:
        from mlops.judge import judge

        found = context["ti"].xcom_pull(task_ids=self.evaluation)
        spec = context["ti"].xcom_pull(task_ids=self.run)["spec"]
        verdict = judge(
            found["task"],
            found["metrics"],
            spec["evaluation"]["thresholds"],
            rows=found["rows"],
            seal_intact=found["seal_intact"],
            champion_metrics=found["champion_metrics"],
            champion_version=found["champion_version"],
        )
        self.log.info("%s: %s", verdict.decision, " ".join(verdict.reasons))
        return verdict.model_dump(mode="json")


class VerdictBranchOperator(BridgeOperator, BaseBranchOperator):
    """Records the verdict, then follows one of two ways.

    Args:
        verdict: id of the task that returned the Verdict.
        accepted: task ids to go on with where the model is to be deployed.
        otherwise: task ids to go on with where it is not.
    """

    def __init__(self, *, verdict: str, accepted: Sequence[str], otherwise: Sequence[str], **options: Any):
        super().__init__(**options)
        self.verdict, self.accepted, self.otherwise = verdict, list(accepted), list(otherwise)

    def choose_branch(self, context: Context) -> list[str]:
        verdict = context["ti"].xcom_pull(task_ids=self.verdict)
        self.call(context, "record_verdict", each_try=True, verdict=verdict)
        return self.accepted if verdict["accepted"] else self.otherwise
