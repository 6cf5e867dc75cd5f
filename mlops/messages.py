"""What people outside GitHub are told of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops import report
from mlops.identity import Phase
from mlops.incidents import drift_incident, ended_by, opens_incident
from mlops.living_comment import issue_url
from mlops.notify import Event, Message, is_open
from mlops.record import Outcome, RunRecord, RunState

if TYPE_CHECKING:
    from mlops.services import Services

_RUNS = 1000
"""The newest, among which the incidents are looked for that a run ends."""
_EVENTS = {
    Outcome.DEPLOYED: Event.DEPLOYED,
    Outcome.REGISTERED: Event.REGISTERED,
    Outcome.KEPT_CHAMPION: Event.KEPT_CHAMPION,
    Outcome.BELOW_THRESHOLD: Event.BELOW_THRESHOLD,
    Outcome.STOPPED: Event.STOPPED,
    Outcome.FAILED: Event.FAILED,
}


def outcome_message(services: Services, record: RunRecord) -> Message:
    assert record.outcome is not None
    endpoint = str(record.phases[Phase.DEPLOY].handle.get("endpoint") or "")
    parts = [record.message]
    if record.outcome is Outcome.BELOW_THRESHOLD and record.issue is not None:
        parts.append("Answer on the issue with other settings, and the next training starts.")
    elif record.outcome is Outcome.DEPLOYED:
        parts.append(f"It answers on {endpoint}.")
    ends = ended_by(record, services.ledger.list_runs(limit=_RUNS))
    if record.outcome is Outcome.DEPLOYED and is_open(services.ledger, drift_incident(endpoint)):
        ends.append(drift_incident(endpoint))  # what serves now has learnt from newer data
    return Message(
        event=_EVENTS[record.outcome],
        key=record.run_key,
        incident=record.run_key,
        title=report.title(record),
        text=" ".join(part for part in parts if part),
        url=issue_url(services, record),
        wakes=opens_incident(record),
        ends=ends,
    )


def approval_message(services: Services, record: RunRecord) -> Message:
    deploying = record.state is not RunState.AWAITING_APPROVAL
    what = "Deployment waits for approval" if deploying else "Waits for approval"
    return Message(
        event=Event.AWAITING_APPROVAL,
        key=f"{record.run_key}/deployment" if deploying else record.run_key,
        incident=record.run_key,
        title=f"{what}: {record.spec.get('name', record.run_key)}",
        text=f"{record.message} Comment /approve {report.approval_word(record)} on the issue.".strip(),
        url=issue_url(services, record),
    )
