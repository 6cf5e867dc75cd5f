"""What an issue, as it was read, is entitled to: a pure function of snapshot, roles and memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from mlops.errors import IssueRejected, Problem
from mlops.identity import RunKey, revision
from mlops.issues import Edit, IssueSnapshot
from mlops.memory import Doubt, Memory

if TYPE_CHECKING:
    from mlops.settings import Settings
    from mlops.spec import RunSpec

STARTING_ROLES = frozenset({"write", "maintain", "admin"})

Kind = Literal["ignored", "refused", "awaiting_approval", "started", "adopted", "command", "failed"]


class Admission(BaseModel):
    """What became of one issue, or of one command on it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int
    decision: Kind = Field(
        description="`adopted`: known already, nothing to do; `failed`: could not be read now, ask again."
    )
    message: str = ""
    run_key: str | None = None
    revision: str | None = None
    comment_id: int | None = None
    unavailable: bool = Field(False, description="Failed because a service was away, not because of the issue.")


@dataclass(frozen=True)
class Decision:
    """The pure half of an admission."""

    kind: Kind
    reason: str = ""
    revision: str = ""
    run_key: str = ""
    spec: RunSpec | None = None
    doubt: Doubt | None = None
    refusal: str = ""
    """Names what is refused: the body's hash and why. One comment for each."""
    problems: tuple[Problem, ...] = ()


def decide(
    snapshot: IssueSnapshot,
    roles: Mapping[str, str],
    memory: Memory,
    edit: Edit | None,
    settings: Settings,
    repository_id: int,
    estimate_usd: Callable[[RunSpec], float],
) -> Decision:
    """What an issue, as it was read, is entitled to. No effect, no clock, no network.

    Args:
        roles: login -> `role_name` of whoever set the label and of the author.
        edit: the last change of the body; needed only where the author may not start runs; None: not known.
        estimate_usd: what a run of a spec is expected to cost.
    """
    from mlops.spec import canonical, parse_issue

    if snapshot.is_pull_request:
        return Decision("ignored", "a pull request")
    if snapshot.state != "open":
        return Decision("ignored", "closed")
    if not set(snapshot.labels) & set(settings.trigger_labels):
        return Decision("ignored", f"carries none of the labels {', '.join(settings.trigger_labels)}")
    event = snapshot.labelled
    if event is None or not may_steer(event.actor, roles, settings):
        who = event.actor if event else ""
        return Decision("refused", f"{who or 'Whoever set the label'} may not start runs", refusal=f"actor:{who}")
    try:
        spec = parse_issue(snapshot.body, data_buckets=settings.data_buckets, instance_types=settings.instance_types)
    except IssueRejected as rejected:
        return Decision(
            "refused",
            str(rejected)[:1000],
            refusal=f"body:{snapshot.body_hash}",
            problems=rejected.problems,
        )
    rev = revision(repository_id, snapshot.number, canonical(spec))
    key = str(RunKey(repository_id, snapshot.number, rev))
    vouched = _vouched(snapshot, roles, memory, edit, settings, rev)
    known = memory.runs.get(rev)
    if known and not (memory.waiting.get(rev) == "edited" and vouched):
        return Decision("adopted", "this revision is known", revision=rev, run_key=known)
    if not vouched:
        reason = "The text changed after the label was set, so nobody has vouched for it yet."
        return Decision("awaiting_approval", reason, rev, key, spec, "edited")
    cost = estimate_usd(spec)
    if cost > settings.cost_ceiling_usd:
        reason = (
            f"The estimate of {cost:.2f} USD is above the ceiling of {settings.cost_ceiling_usd:.2f} USD. "
            "A smaller instance or fewer passes would lower it."
        )
        return Decision("awaiting_approval", reason, rev, key, spec, "cost")
    return Decision("started", "", rev, key, spec)


def may_steer(login: str, roles: Mapping[str, str], settings: Settings) -> bool:
    """True for people with write, maintain or admin, and for those whom the deployment names."""
    return bool(login) and (login in settings.allowed_actors or roles.get(login) in STARTING_ROLES)


def _vouched(
    snapshot: IssueSnapshot,
    roles: Mapping[str, str],
    memory: Memory,
    edit: Edit | None,
    settings: Settings,
    rev: str,
) -> bool:
    """True where somebody entitled stands behind this very text.

    Only the author and people with write access can change a body. A label vouches for the text as it was then,
    and for one revision: a new meaning after a run has begun needs a new label.
    """
    event = snapshot.labelled
    assert event is not None
    if memory.label_events.get(str(event.id), rev) != rev:
        return False
    if may_steer(snapshot.author, roles, settings):
        return True
    if edit is None:
        # Nobody can say who changed what; a comment, too, moves this time. Better to ask once too often.
        return snapshot.updated_at <= event.at
    if edit.body_hash != snapshot.body_hash:
        return False
    return edit.at is None or edit.at < event.at or (edit.editor != snapshot.author and bool(edit.editor))
