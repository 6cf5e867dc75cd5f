"""The one comment of a run and the state label of its issue: drawn from the record, written where they differ."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from mlops import memory, report
from mlops.errors import Conflict, MlopsError, RequestRefused
from mlops.record import Outcome, RunRecord, RunState

if TYPE_CHECKING:
    from mlops.services import Services

log = logging.getLogger(__name__)

_CLAIM_S = 20.0
"""After this long without a result, whoever wanted to write the first comment is taken for dead."""


def issue_url(services: Services, record: RunRecord) -> str:
    if record.issue is None:
        return ""
    root = f"{report.Addresses.from_settings(services.settings).repository}/issues/{record.issue}"
    return f"{root}#issuecomment-{record.comment_id}" if record.comment_id else root


def publish(services: Services, run_key: str) -> RunRecord:
    """Make the issue show the record: one comment, edited only where it differs, and one state label."""
    record = services.ledger.require_run(run_key)
    if record.issue is None or not services.settings.github_repository:
        return record
    addresses = report.Addresses.from_settings(services.settings)
    hint, followed_by = _suggestion(services, record), _follower(services, record)
    for _ in range(4):
        text = report.render(record, addresses, hint, followed_by)
        record = _write(services, record, text)
        # Two tasks may publish at once; whoever wrote last must have written the latest.
        latest = services.ledger.require_run(run_key)
        if report.render(latest, addresses, hint, followed_by) == text:
            break
        record = latest
    _label(services, record, addresses)
    if report.awaits_deployment(record, addresses):
        _ask_for_approval(services, record)
    return services.ledger.require_run(run_key)


def publish_if_allowed(services: Services, run_key: str) -> RunRecord:
    """As `publish`; where GitHub refuses the comment (a conversation is locked, a right is gone) the run goes on.

    A later step shows what this one could not. A GitHub that is away is another matter: asking again helps.
    """
    try:
        return publish(services, run_key)
    except RequestRefused as refused:
        log.warning("The issue of %s does not show it: %s", run_key, refused)
        return services.ledger.require_run(run_key)


def _suggestion(services: Services, record: RunRecord) -> dict[str, Any]:
    """What the next try could change, thought of once; empty where no run waits for it or nothing comes to mind."""
    if record.outcome is not Outcome.BELOW_THRESHOLD:
        return {}
    from mlops.decisions import once
    from mlops.phases import retrain

    def think() -> dict[str, Any]:
        try:
            found = retrain.suggest(services, record.run_key)
        except Exception as error:
            # A hint is not worth a report.
            log.warning("No suggestion for %s: %s", record.run_key, error)
            return {}
        return {name: found[name] for name in ("hyperparameters", "reasons") if found.get(name)}

    return once(services.ledger, record.run_key, "suggestion", think)


def _follower(services: Services, record: RunRecord) -> str:
    """The run by which somebody answered this one; empty where it does not wait for an answer, or has none."""
    if record.outcome is not Outcome.BELOW_THRESHOLD:
        return ""
    of_issue = services.ledger.list_runs(repository_id=record.repository_id, issue=record.issue)
    return next((run.run_key for run in of_issue if run.parent == record.run_key), "")


def _write(services: Services, record: RunRecord, text: str) -> RunRecord:
    assert record.issue is not None
    claim = f"claim#comment#{record.run_key}"
    if record.comment_id is None and not _claim(services, claim):
        return record
    try:
        comment = services.repository.publish_comment(
            record.issue, report.marker(record.run_key), text, record.comment_id
        )
    except MlopsError:
        # Whoever comes next searches for the comment before writing one.
        services.ledger.delete_item(claim)
        raise
    if record.comment_id == comment.id:
        return record
    return services.ledger.update_run(record.run_key, lambda known: known.model_copy(update={"comment_id": comment.id}))


def _claim(services: Services, item_id: str) -> bool:
    """Only one process creates the comment. The others leave it to that one, or take over from one that died."""
    known = services.ledger.get_item(item_id)
    if known and time.time() - known.updated_at < _CLAIM_S:
        return False
    try:
        services.ledger.put_item(item_id, {}, known.version if known else 0, keep_s=86_400)
    except Conflict:
        return False
    return True


def _ask_for_approval(services: Services, record: RunRecord) -> None:
    from mlops.messages import approval_message
    from mlops.notify import deliver

    deliver(services, approval_message(services, record))


def state_label(record: RunRecord, addresses: report.Addresses) -> str:
    if report.is_taken_back(record):
        return "mlops:rolled-back"
    if record.outcome is not None:
        return f"mlops:{record.outcome.value}"
    waits = record.state is RunState.AWAITING_APPROVAL or report.awaits_deployment(record, addresses)
    return "mlops:awaiting-approval" if waits else "mlops:running"


def _label(services: Services, record: RunRecord, addresses: report.Addresses) -> None:
    assert record.issue is not None
    # An older run of the issue must not speak for a newer one.
    current = memory.recall(services, record.issue).current
    if current in {None, record.run_key}:
        services.repository.set_state_label(record.issue, state_label(record, addresses))
