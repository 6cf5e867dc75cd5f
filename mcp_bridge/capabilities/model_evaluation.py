"""Phase `validate`: metrics on the sealed test split, and the judge's verdict on record."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mcp_bridge.tools import IdempotencyKey, RunKey, Tools
from mlops.handles import Evaluation, Submission
from mlops.judge import Verdict
from mlops.record import RunRecord


def register(tools: Tools) -> None:
    @tools.effect("Start evaluation", reported=True)
    def start_evaluation(run_key: RunKey, idempotency_key: IdempotencyKey) -> Submission:
        """Start or adopt the job that scores the model, and the serving one, on the sealed test split.

        Needs collect_training. Then follow_job until it ended, then collect_evaluation.
        """
        from mlops.phases import validate

        return validate.start(tools.services, run_key)

    @tools.effect("Collect an evaluation", reported=True)
    def collect_evaluation(run_key: RunKey, idempotency_key: IdempotencyKey) -> Evaluation:
        """Metrics recomputed from predictions, plots, and whether the seal of the test split is intact.

        Next: the judge decides; hand its verdict to record_verdict.
        """
        from mlops.phases import validate

        return validate.collect(tools.services, run_key)

    @tools.effect("Record the verdict")
    def record_verdict(
        run_key: RunKey,
        verdict: Annotated[Verdict, Field(description="What the judge concluded from the evaluation.")],
        idempotency_key: IdempotencyKey,
    ) -> RunRecord:
        """Put the judge's verdict on record and issue. Next: start_packaging if accepted, else decide_next."""
        from mlops import runs

        return runs.record_verdict(tools.services, run_key, verdict)
