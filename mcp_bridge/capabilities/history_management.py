"""The record: runs open, fail, close, are reported on the issue and committed to the history."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from mcp_bridge.tools import IdempotencyKey, RunKey, Tools
from mlops.faults import Culprit
from mlops.identity import Phase
from mlops.record import RunRecord, RunState


class Runs(BaseModel):
    runs: list[RunRecord] = Field(description="Newest first.")


class Reconciled(BaseModel):
    started: list[str] = Field(description="Run keys that were started now.")
    closed: list[str] = Field(description="Run keys that had ended without being closed.")
    failed: list[str] = Field(description="Run keys that could not be put right now.")
    messages: int = Field(ge=0, description="How many notifications were sent that had failed before.")


class Report(BaseModel):
    run_key: str
    comment_id: int | None = Field(description="The one living comment; None where no issue stands behind the run.")


def register(tools: Tools) -> None:
    @tools.effect("Open a run")
    def open_run(
        run_key: RunKey,
        airflow_run_id: Annotated[str, Field(min_length=1, max_length=250, description="`run_id` of the DAG run.")],
        parameters: Annotated[
            dict[str, Any] | None, Field(description="Flat DAG parameters; used where no issue stands behind the run.")
        ],
        idempotency_key: IdempotencyKey,
    ) -> RunRecord:
        """Mark a run as started; make its record where a person triggered it in Airflow. Next: start_preparation."""
        from mlops import runs

        return runs.open_run(tools.services, run_key, airflow_run_id, parameters)

    @tools.effect("Report a failure")
    def report_failure(
        run_key: RunKey,
        phase: Annotated[Phase, Field(description="Where it failed.")],
        reason: Annotated[str, Field(max_length=4000, description="What happened; shown on the issue.")],
        idempotency_key: IdempotencyKey,
        fault: Annotated[
            Culprit,
            Field(description="Who can mend it: `user` is the requester, and pages nobody."),
        ] = "platform",
    ) -> RunRecord:
        """Put a phase's failure on the record and the issue. What the phase itself said of it is kept."""
        from mlops import runs

        return runs.report_failure(tools.services, run_key, phase, reason, fault)

    @tools.effect("Put runs right")
    def reconcile_runs(idempotency_key: IdempotencyKey) -> Reconciled:
        """Compare the ledger with Airflow: start what was never started, close what ended in silence.

        The monitoring DAG calls it regularly; call it after Airflow's database was lost or restored.
        """
        from mlops import runs

        return Reconciled.model_validate(runs.reconcile(tools.services))

    @tools.effect("Close a run")
    def close_run(run_key: RunKey, idempotency_key: IdempotencyKey) -> RunRecord:
        """Decide the outcome, set labels, finish the comment, commit the history, tell people. Safe to repeat."""
        from mlops import runs

        return runs.close_run(tools.services, run_key)

    @tools.effect("Publish the report")
    def publish_report(run_key: RunKey, idempotency_key: IdempotencyKey) -> Report:
        """Draw the run's comment anew from its record: created once, edited in place afterwards."""
        from mlops import runs

        return Report(run_key=run_key, comment_id=runs.publish(tools.services, run_key).comment_id)

    @tools.read("Read a run")
    def get_run(run_key: RunKey) -> RunRecord:
        """Everything known about a run: spec, phases with their results, verdict, outcome, history path."""
        return tools.services.ledger.require_run(run_key)

    @tools.read("List runs")
    def list_runs(
        limit: Annotated[int, Field(ge=1, le=200, description="How many at most.")] = 20,
        state: Annotated[RunState | None, Field(description="Only runs in this state.")] = None,
    ) -> Runs:
        """The newest runs, to find a run key or to see what is going on."""
        return Runs(runs=tools.services.ledger.list_runs(limit=limit, state=state))
