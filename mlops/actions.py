"""What each command of an operator does. All are safe to repeat for the same comment."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops import intake, runs
from mlops.acting import acting
from mlops.commands import MEANINGS, Command, Verb, settings_of
from mlops.errors import IssueRejected, RequestRefused
from mlops.handles import Deployment
from mlops.identity import Phase, RunKey, revision
from mlops.issues import Comment, IssueSnapshot
from mlops.markdown import code, prose, table
from mlops.memory import Memory, number_for_comment, recall, remember
from mlops.record import Outcome, RunRecord, RunState, Trigger
from mlops.report import Addresses, approval_word, awaits_deployment

if TYPE_CHECKING:
    from mlops.services import Services

log = logging.getLogger(__name__)

DEPLOYER = "deployment"
"""The agent that changes endpoints, also where a comment asks for it: who reads issues may not."""


@dataclass(frozen=True)
class Done:
    """What a command did."""

    message: str = ""
    run_key: str | None = None
    reply: str = ""
    """Markdown to answer with, where a reaction does not say enough."""


def current(services: Services, number: int) -> RunRecord | None:
    current = recall(services, number).current
    return services.ledger.get_run(current) if current else None


def _require_current(services: Services, number: int) -> RunRecord:
    record = current(services, number)
    if record is None:
        raise RequestRefused("There is no run of this issue yet.")
    return record


def _approve(services: Services, snapshot: IssueSnapshot, comment: Comment, command: Command) -> Done:
    record = _require_current(services, snapshot.number)
    word = approval_word(record)
    if command.argument != word:
        raise RequestRefused(
            f"The revision to approve is {word}, not {command.argument or 'an empty one'}."
            if record.state is RunState.AWAITING_APPROVAL
            else "Nothing waits for approval here."
        )
    if record.state is RunState.STARTED and awaits_deployment(record, Addresses.from_settings(services.settings)):
        return _approve_deployment(services, record, comment)
    if record.state is RunState.FINISHED or (record.state is RunState.STARTED and record.actor != comment.author):
        raise RequestRefused(f"Run {record.run_key} does not wait for approval.")
    if record.trigger is Trigger.ISSUE and not _still_means(services, snapshot, record):
        raise RequestRefused("The issue was edited after this revision was shown; its new revision needs the approval.")
    approved = intake.approve(services, record.run_key, comment.author)
    remember(services, snapshot.number, lambda known: _approved(known, record.revision))
    if approved.state is RunState.APPROVED:
        intake.start(services, approved)
    return Done(f"approved {word}", record.run_key)


def _approve_deployment(services: Services, record: RunRecord, comment: Comment) -> Done:
    from mlops.phases import deploy

    with acting(DEPLOYER, record.run_key):
        said = deploy.approve(services, record.run_key, comment.author)
    services.ledger.update_run(
        record.run_key, lambda known: known.model_copy(update={"deployment_approved_by": comment.author})
    )
    runs.publish(services, record.run_key)
    return Done(said, record.run_key)


def _still_means(services: Services, snapshot: IssueSnapshot, record: RunRecord) -> bool:
    """True where the text is that of the revision, whatever has become of the issue's label and state since."""
    from mlops.spec import canonical, parse_issue

    settings = services.settings
    try:
        spec = parse_issue(snapshot.body, data_buckets=settings.data_buckets, instance_types=settings.instance_types)
    except IssueRejected:
        return False
    return revision(services.repository.id, snapshot.number, canonical(spec)) == record.revision


def _approved(memory: Memory, revision: str) -> Memory:
    waiting = {rev: doubt for rev, doubt in memory.waiting.items() if rev != revision}
    return memory.model_copy(update={"waiting": waiting})


def _retrain(services: Services, snapshot: IssueSnapshot, comment: Comment, command: Command) -> Done:
    from mlops.spec import RunSpec, canonical, merge

    change = settings_of(comment.body)
    parent = _parent(services, snapshot.number, comment)
    spec = merge(
        RunSpec.model_validate(parent.spec),
        change,
        data_buckets=services.settings.data_buckets,
        instance_types=services.settings.instance_types,
    )
    number = _take_retraining(services, snapshot.number, parent, comment)
    limit = services.settings.max_retrainings
    if number > limit:
        spent = f"{limit} of {limit} retrainings used; it stops."
        if parent.outcome is Outcome.BELOW_THRESHOLD:
            intake.end_without_airflow(services, parent.run_key, spent)
        raise RequestRefused(f"{spent} Edit the issue and set the label again to begin anew.")
    key = RunKey.parse(parent.run_key)
    assert key is not None
    run_key = str(RunKey(key.repository_id, key.issue, key.revision, retraining=number, rerun=key.rerun))
    return _launch(services, snapshot, comment, parent, run_key, canonical(spec), Trigger.COMMENT, number)


def _parent(services: Services, issue: int, comment: Comment) -> RunRecord:
    """The finished run that a comment is about: the current one, or the one it was about when we read it before."""
    before = recall(services, issue).parents.get(str(comment.id))
    if before:
        return services.ledger.require_run(before)
    record = _require_current(services, issue)
    if record.state is not RunState.FINISHED:
        raise RequestRefused(f"Run {record.run_key} is under way; wait for its result, or comment /stop first.")
    return record


def _take_retraining(services: Services, issue: int, parent: RunRecord, comment: Comment) -> int:
    """Which retraining this comment asks for: taken once, before anything starts, and kept for ever.

    A crash after this leads to the same number for the same comment, so none is lost and none is counted twice.
    """
    key = RunKey.parse(parent.run_key)
    chain = parent.run_key.rpartition("-r")[0] if key and key.retraining else parent.run_key

    def take(memory: Memory) -> Memory | None:
        taken = memory.retrainings.get(chain, {})
        number = number_for_comment(taken, comment.id)
        if number > services.settings.max_retrainings:
            return None
        return memory.model_copy(
            update={
                "retrainings": {**memory.retrainings, chain: {**taken, str(comment.id): number}},
                "parents": {**memory.parents, str(comment.id): parent.run_key},
            }
        )

    memory = remember(services, issue, take)
    return number_for_comment(memory.retrainings.get(chain, {}), comment.id)


def _rerun(services: Services, snapshot: IssueSnapshot, comment: Comment, command: Command) -> Done:
    parent = _parent(services, snapshot.number, comment)

    def take(memory: Memory) -> Memory:
        number = number_for_comment(memory.reruns, comment.id)
        return memory.model_copy(
            update={
                "reruns": {**memory.reruns, str(comment.id): number},
                "parents": {**memory.parents, str(comment.id): parent.run_key},
            }
        )

    number = remember(services, snapshot.number, take).reruns[str(comment.id)]
    key = RunKey.parse(parent.run_key)
    assert key is not None
    run_key = str(RunKey(key.repository_id, key.issue, key.revision, rerun=number))
    return _launch(services, snapshot, comment, parent, run_key, parent.spec, Trigger.RERUN, 0)


def _launch(
    services: Services,
    snapshot: IssueSnapshot,
    comment: Comment,
    parent: RunRecord,
    run_key: str,
    spec: dict[str, Any],
    trigger: Trigger,
    retraining: int,
) -> Done:
    """Ledger first, then Airflow; a run above the ceiling waits for its approval."""
    from mlops.spec import RunSpec

    cost, ceiling = intake.estimate(services, RunSpec.model_validate(spec)), services.settings.cost_ceiling_usd
    dear = cost > ceiling
    record = RunRecord(
        run_key=run_key,
        trigger=trigger,
        repository=parent.repository,
        repository_id=parent.repository_id,
        issue=parent.issue,
        revision=parent.revision,
        body_hash=parent.body_hash,
        actor=comment.author,
        retraining=retraining,
        parent=parent.run_key,
        spec=spec,
        state=RunState.AWAITING_APPROVAL if dear else RunState.APPROVED,
        message=f"The estimate of {cost:.2f} USD is above the ceiling of {ceiling:.2f} USD." if dear else "",
        created_at=services.timestamp(),
        labelled_at=comment.created_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    services.ledger.create_run(record)
    remember(services, snapshot.number, lambda memory: memory.model_copy(update={"current": run_key}))
    stands = services.ledger.require_run(run_key)
    if stands.state is RunState.APPROVED:
        intake.start(services, stands)
    else:
        runs.publish(services, run_key)
    if parent.outcome is Outcome.BELOW_THRESHOLD:
        runs.publish(services, parent.run_key)  # it is nobody's turn there any more
    return Done(f"{trigger.value} {run_key}", run_key)


def _stop(services: Services, snapshot: IssueSnapshot, comment: Comment, command: Command) -> Done:
    record = _require_current(services, snapshot.number)
    message = f"Stopped by {comment.author}."
    # An edit makes a revision of its own beside the run that is under way: whoever stops means both.
    of_issue = services.ledger.list_runs(repository_id=services.repository.id, issue=snapshot.number)
    if under_way := [one for one in of_issue if one.state is not RunState.FINISHED]:
        for one in under_way:
            runs.stop_run(services, one, message)
        return Done("stopped", record.run_key)
    if record.outcome is Outcome.STOPPED:
        runs.close_run(services, record.run_key)
        return Done("stopped", record.run_key)
    if record.outcome is not Outcome.BELOW_THRESHOLD:
        raise RequestRefused(f"Run {record.run_key} is over.")
    runs.stop_run(services, record, message)
    return Done("stopped", record.run_key)


def _roll_back(services: Services, snapshot: IssueSnapshot, comment: Comment, command: Command) -> Done:
    from mlops.phases import deploy

    endpoint = _endpoint(services, snapshot.number)
    done = _switched(services, comment, command, lambda: deploy.roll_back(services, endpoint, comment.author))
    # The run whose version left says so, be it another issue's.
    if left := deploy.taken_back(services, endpoint):
        runs.publish_if_allowed(services, left)
    return done


def _promote(services: Services, snapshot: IssueSnapshot, comment: Comment, command: Command) -> Done:
    from mlops.phases import deploy

    endpoint = _endpoint(services, snapshot.number)
    return _switched(services, comment, command, lambda: deploy.promote(services, endpoint, comment.author))


def _switched(services: Services, comment: Comment, command: Command, switch: Callable[[], Deployment]) -> Done:
    """Change what serves, once for each comment: a second rollback would go back another version."""
    item_id = f"command#{services.repository.id}#{comment.id}"
    known = services.ledger.get_item(item_id)
    if known:
        deployment = Deployment.model_validate(known.value)
    else:
        with acting(DEPLOYER, f"comment-{comment.id}"):
            deployment = switch()
        services.ledger.put_item(item_id, deployment.model_dump(mode="json"))
    reply = f"Endpoint {code(deployment.endpoint)} serves version {code(deployment.version)}. {prose(deployment.proof)}"
    return Done(f"{command.verb}: {deployment.endpoint} serves {deployment.version}", reply=reply.strip())


def _endpoint(services: Services, number: int) -> str:
    """The endpoint of the newest run of this issue that has one."""
    for record in services.ledger.list_runs(repository_id=services.repository.id, issue=number, limit=100):
        endpoint = record.phases[Phase.DEPLOY].handle.get("endpoint")
        if endpoint and record.outcome is Outcome.DEPLOYED:
            return str(endpoint)
    raise RequestRefused("No run of this issue has deployed a model.")


def _help(services: Services, snapshot: IssueSnapshot, comment: Comment, command: Command) -> Done:
    rows = [[code(usage), prose(meaning)] for usage, meaning in MEANINGS.values()]
    return Done(reply=table(["Comment", "What it does"], rows))


_Action = Callable[["Services", IssueSnapshot, Comment, Command], Done]
ACTIONS: dict[Verb, _Action] = {
    Verb.APPROVE: _approve,
    Verb.RETRAIN: _retrain,
    Verb.RERUN: _rerun,
    Verb.STOP: _stop,
    Verb.ROLLBACK: _roll_back,
    Verb.PROMOTE: _promote,
    Verb.HELP: _help,
}
