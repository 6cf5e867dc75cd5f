"""How operators steer by comments: each command is read once, from people who may, and answered by a reaction."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops import actions, intake
from mlops.commands import UNDONE, Command, Verb, parse_command, settings_of
from mlops.errors import IssueRejected, MlopsError, Unavailable
from mlops.issues import Comment, IssueSnapshot
from mlops.markdown import prose
from mlops.memory import Memory, recall, remember
from mlops.record import Outcome
from mlops.refusals import problem_table

if TYPE_CHECKING:
    from mlops.services import Services

log = logging.getLogger(__name__)

_OVERLAP = timedelta(seconds=5)
"""GitHub's `since` compares whole seconds, and its replicas lag a little."""


def read_comments(services: Services, snapshot: IssueSnapshot) -> list[intake.Admission]:
    """Deal with the comments that are new since the last call, oldest first."""
    memory = recall(services, snapshot.number)
    since = datetime.fromisoformat(memory.comments_since) - _OVERLAP if memory.comments_since else None
    handled = []
    for comment in services.repository.comments(snapshot.number, since):
        if comment.id <= memory.comments_until:
            continue
        admission = _handle(services, snapshot, comment)
        # Only now: a crash before this line lets the comment be read again, and every act is safe to repeat.
        remember(services, snapshot.number, lambda known, read=comment: _read_until(known, read))  # type: ignore[misc]
        if admission:
            handled.append(admission)
    return handled


def _read_until(memory: Memory, comment: Comment) -> Memory:
    if comment.id <= memory.comments_until:
        return memory
    return memory.model_copy(
        update={"comments_until": comment.id, "comments_since": comment.created_at.isoformat(timespec="seconds")}
    )


def _handle(services: Services, snapshot: IssueSnapshot, comment: Comment) -> intake.Admission | None:
    command = _command(services, snapshot, comment)
    if command is None:
        return None
    if not _may_command(services, comment.author):
        services.repository.react(snapshot.number, comment.id, "-1")
        return _admission(snapshot, comment, f"{comment.author} may not give commands")
    if comment.edited:
        # What it said first is not known any more, and somebody may have acted on that.
        edited = "The comment was edited. Write a new one: only first texts count."
        return _refuse(services, snapshot, comment, command.verb, edited)
    services.repository.react(snapshot.number, comment.id, "eyes")
    try:
        done = actions.ACTIONS[command.verb](services, snapshot, comment, command)
    except IssueRejected as rejected:
        problems = problem_table(rejected.problems, comment.body)
        return _refuse(services, snapshot, comment, command.verb, str(rejected), problems)
    except Unavailable:
        raise
    except MlopsError as refused:
        return _refuse(services, snapshot, comment, command.verb, str(refused))
    services.repository.react(snapshot.number, comment.id, "+1")
    if done.reply:
        _reply(services, snapshot, comment, done.reply)
    return _admission(snapshot, comment, done.message or f"/{command.verb}", done.run_key)


def _command(services: Services, snapshot: IssueSnapshot, comment: Comment) -> Command | None:
    """The command of a comment that may hold one: not ours, and not older than the label."""
    if services.repository.is_ours(comment.author):
        return None
    if snapshot.labelled and comment.created_at < snapshot.labelled.at:
        return None
    command = parse_command(comment.body)
    if command is None or not command.implicit:
        return command
    # Elsewhere a code block is read only when something else wakes us: an answer must not wait for that and then count.
    if not snapshot.is_watched(services.settings.trigger_labels):
        return None
    # A code block alone is an answer only where a question was asked, and only if it is about settings.
    record = actions.current(services, snapshot.number)
    if record is None or record.outcome is not Outcome.BELOW_THRESHOLD:
        return None
    try:
        return command if settings_of(comment.body, required=False) else None
    except IssueRejected:
        return command


def _may_command(services: Services, login: str) -> bool:
    settings = services.settings
    roles = {} if login in settings.allowed_actors else {login: services.repository.role(login)}
    return intake.may_steer(login, roles, settings)


# -- answers -----------------------------------------------------------------------------------------------------------
def _refuse(
    services: Services, snapshot: IssueSnapshot, comment: Comment, verb: Verb, reason: str, body: str = ""
) -> intake.Admission:
    services.repository.react(snapshot.number, comment.id, "-1")
    _reply(services, snapshot, comment, f"{UNDONE[verb]}\n\n{body}" if body else f"{UNDONE[verb]} {prose(reason)}")
    return _admission(snapshot, comment, reason)


def _reply(services: Services, snapshot: IssueSnapshot, comment: Comment, text: str) -> None:
    mark = f"<!-- mlops-reply:{comment.id} -->"
    services.repository.publish_comment(snapshot.number, mark, f"{mark}\n\n{text}")


def _admission(snapshot: IssueSnapshot, comment: Comment, message: str, run_key: str | None = None) -> intake.Admission:
    return intake.Admission(
        number=snapshot.number, decision="command", message=message, run_key=run_key, comment_id=comment.id
    )
