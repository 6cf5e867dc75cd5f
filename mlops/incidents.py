"""Who is woken by the end of a run, and which earlier incident it ends: pure functions of records."""

from __future__ import annotations

from collections.abc import Iterable

from mlops.identity import Phase
from mlops.record import Outcome, PhaseState, RunRecord
from mlops.report import failed_phase


def opens_incident(record: RunRecord) -> bool:
    """True for a run that failed by the platform, or by nobody knows whom.

    A requester's mistake wakes nobody: the issue, Slack and mail tell those who can mend it.
    """
    failed = failed_phase(record)
    by_requester = failed is not None and record.phases[failed].fault == "user"
    return record.outcome is Outcome.FAILED and not by_requester


def ended_by(record: RunRecord, runs: Iterable[RunRecord]) -> list[str]:
    """Incidents, oldest first, that are over now: `record` got past what had failed, and no run before it had.

    An incident has the key of its run. Later runs of the same issue or the same model can end it.
    """
    same = sorted((run for run in runs if _same_work(run, record)), key=_moment)
    return [
        run.run_key
        for place, run in enumerate(same)
        if opens_incident(run)
        and _moment(run) < _moment(record)
        and _got_past(record, run)
        and not any(_got_past(between, run) for between in same[place + 1 :] if _moment(between) < _moment(record))
    ]


def drift_incident(endpoint: str) -> str:
    """One for each endpoint, however often it drifts; a check without drift or another version ends it."""
    return f"drift-{endpoint}"


def _same_work(run: RunRecord, record: RunRecord) -> bool:
    same_issue = record.issue is not None and (run.repository_id, run.issue) == (record.repository_id, record.issue)
    return same_issue or run.spec.get("name") == record.spec.get("name")


def _moment(run: RunRecord) -> tuple[str, str]:
    return run.created_at, run.run_key


def _got_past(run: RunRecord, earlier: RunRecord) -> bool:
    # A run that failed before any phase says nothing of where; the first phase shows that runs start again.
    return run.phases[failed_phase(earlier) or Phase.PREPARE].state is PhaseState.SUCCEEDED
