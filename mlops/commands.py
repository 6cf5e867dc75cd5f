"""What a comment asks for: one command, told from chatter by its first words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mlops.errors import IssueRejected, Problem

LONGEST = 20_000
"""Characters of a comment that are looked at."""
MARKER = "<!-- mlops-"
"""Each comment of ours holds one; a comment with one is never a command, whoever wrote it."""


class Verb(StrEnum):
    APPROVE = "approve"
    RETRAIN = "retrain"
    RERUN = "rerun"
    STOP = "stop"
    ROLLBACK = "rollback"
    HELP = "help"


MEANINGS: dict[Verb, tuple[str, str]] = {
    Verb.APPROVE: ("/approve <revision>", "Start a run that waits for approval, exactly as it was shown."),
    Verb.RETRAIN: ("/retrain", "Train again with the settings that follow, as YAML or `name: value` lines."),
    Verb.RERUN: ("/rerun", "Run once more with the same settings."),
    Verb.STOP: ("/stop", "End the run under way, or give up one that waits for settings."),
    Verb.ROLLBACK: ("/rollback", "Bring back the version that served before."),
    Verb.HELP: ("/help", "Show this list."),
}


@dataclass(frozen=True)
class Command:
    """One command. `implicit`: a YAML block without `/retrain`, taken as one only where a run waits for settings."""

    verb: Verb
    argument: str = ""
    change: dict[str, Any] = field(default_factory=dict)
    implicit: bool = False


# At the start of a line: "please do not /stop it" is talk.
_COMMAND = re.compile(r"^[ \t]{0,3}/(?P<verb>[a-z]+)\b[ \t]*(?P<rest>[^\r\n]*)", re.MULTILINE)
_QUOTED = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]{0,3}(```+|~~~+)")


def parse_command(body: str) -> Command | None:
    """The first command in a comment, or None where it holds none.

    Raises:
        IssueRejected: a retraining whose settings cannot be read; each mistake with its line of the comment.
    """
    # Imported here: the schema is heavy, and most comments hold no command.
    from mlops.spec import parse_change

    if MARKER in body:
        return None
    body = body[:LONGEST]
    found = _first_command(_QUOTED.sub("", body))
    if found is None:
        # Without a command only a fenced block can be meant: lines like `note: later` are talk.
        change = parse_change(body) if _has_fence(body) else None
        return Command(Verb.RETRAIN, change=change, implicit=True) if change else None
    verb, rest = found
    if verb is Verb.RETRAIN:
        return Command(verb, change=parse_change(body) or {})
    return Command(verb, argument=rest.split()[0] if rest.split() else "")


def _first_command(body: str) -> tuple[Verb, str] | None:
    """A command on a line outside fenced blocks; an unknown word after a slash is a path, not a command."""
    fence = ""
    for line in body.splitlines():
        marks = _FENCE.match(line)
        if marks:
            fence = "" if fence and marks[1].startswith(fence) else fence or marks[1]
            continue
        match = None if fence else _COMMAND.match(line)
        if match and match["verb"] in {verb.value for verb in Verb}:
            return Verb(match["verb"]), match["rest"].strip()
    return None


def _has_fence(body: str) -> bool:
    return any(_FENCE.match(line) for line in body.splitlines())


def require_change(command: Command) -> dict[str, Any]:
    """The settings of a retraining.

    Raises:
        IssueRejected: there are none.
    """
    if not command.change:
        raise IssueRejected(
            [
                Problem(
                    line=None,
                    field="/retrain",
                    code="missing",
                    message="no settings follow",
                    remedy="Write at least one setting below it, e.g. `hyperparameters:` with `max_depth: 6`; "
                    "to train with the same settings, comment /rerun.",
                )
            ]
        )
    return command.change
