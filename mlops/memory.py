"""What the ledger remembers of one issue: which revisions it had, who vouched for them, which comments were read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from mlops.ledger import issue_item

if TYPE_CHECKING:
    from mlops.services import Services

_KEPT_REFUSALS = 200

Doubt = Literal["edited", "cost"]
"""Why a revision waits: its text is newer than the label, or its estimate is above the ceiling."""


class Memory(BaseModel):
    """One item of the ledger an issue. Everything here is written by condition, so a crash leaves no half step."""

    model_config = ConfigDict(extra="forbid")

    runs: dict[str, str] = Field(default_factory=dict, description="Revision -> run key.")
    label_events: dict[str, str] = Field(default_factory=dict, description="Label event -> revision it vouched for.")
    waiting: dict[str, Doubt] = Field(default_factory=dict, description="Revision -> why it waits for approval.")
    refusals: list[str] = Field(default_factory=list, description="Refusals that have their comment.")
    current: str | None = Field(None, description="The run that commands are about.")
    comments_until: int = Field(0, description="Id of the last comment that was dealt with; ids only grow.")
    comments_since: str | None = Field(None, description="When it was written, by GitHub's clock.")
    retrainings: dict[str, dict[str, int]] = Field(
        default_factory=dict, description="First run of a chain -> comment -> which retraining it asked for."
    )
    reruns: dict[str, int] = Field(
        default_factory=dict, description="Comment, or `label-` and the event -> which re-run it asked for."
    )
    parents: dict[str, str] = Field(default_factory=dict, description="Comment -> the run that it was about.")


def recall(services: Services, issue: int) -> Memory:
    item = services.ledger.get_item(issue_item(services.repository.id, issue))
    return Memory.model_validate(item.value) if item else Memory()


def remember(services: Services, issue: int, change: Callable[[Memory], Memory | None]) -> Memory:
    """Apply `change`, which may run several times; None leaves the memory as it is."""

    def apply(value: dict[str, object]) -> dict[str, object]:
        memory = Memory.model_validate(value)
        changed = change(memory)
        return (changed if changed is not None else memory).model_dump(mode="json")

    return Memory.model_validate(services.ledger.change_item(issue_item(services.repository.id, issue), apply))


def number_for_comment(numbers: dict[str, int], comment_id: int | str) -> int:
    """The number a comment has, or the next free one: asking twice for one comment counts once."""
    return numbers.get(str(comment_id)) or max(numbers.values(), default=0) + 1


def with_refusal(memory: Memory, refusal: str) -> Memory:
    kept = [known for known in memory.refusals if known != refusal][-_KEPT_REFUSALS + 1 :]
    return memory.model_copy(update={"refusals": [*kept, refusal]})
