"""What a comment asks for: one command, told from chatter by its first words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
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
    PROMOTE = "promote"
    HELP = "help"


MEANINGS: dict[Verb, tuple[str, str]] = {
    Verb.APPROVE: ("/approve <revision>", "Start a run that waits for approval, exactly as it was shown."),
    Verb.RETRAIN: ("/retrain", "Train again with the settings that follow, as YAML or `name: value` lines."),
    Verb.RERUN: ("/rerun", "Run once more with the same settings."),
    Verb.STOP: ("/stop", "End the run under way, or give up one that waits for settings."),
    Verb.ROLLBACK: ("/rollback", "Bring back the version that served before."),
    Verb.PROMOTE: ("/promote", "End an A/B test in favour of the new version."),
    Verb.HELP: ("/help", "Show this list."),
}

UNDONE: dict[Verb, str] = {
    Verb.APPROVE: "Nothing was approved.",
    Verb.RETRAIN: "Nothing was started.",
    Verb.RERUN: "Nothing was started.",
    Verb.STOP: "Nothing was stopped.",
    Verb.ROLLBACK: "Nothing was rolled back.",
    Verb.PROMOTE: "Nothing was promoted.",
    Verb.HELP: "Nothing was done.",
}
"""How the refusal of each begins."""


@dataclass(frozen=True)
class Command:
    """One command. `implicit`: a fenced block without `/retrain`, meant as one only where a run waits for settings."""

    verb: Verb
    argument: str = ""
    implicit: bool = False
    line: int | None = field(default=None, compare=False)
    """Where it is written out, from 1."""


# At the start of a line: "please do not /stop it" is talk.
_COMMAND = re.compile(r"[ ]{0,3}/(?P<verb>[A-Za-z]+)(?=\s|$)[ \t]*(?P<rest>.*)")
_FENCE = re.compile(r"[ ]{0,3}(```+|~~~+)")


def parse_command(body: str) -> Command | None:
    """The first command in a comment, or None where it holds none. Quoted lines and code blocks hold none."""
    if MARKER in body:
        return None
    fence, fenced = "", False
    for number, line in enumerate(body[:LONGEST].splitlines(), 1):
        marks = _FENCE.match(line)
        if marks:
            fenced = True
            fence = "" if fence and marks[1].startswith(fence) else fence or marks[1]
            continue
        match = None if fence else _COMMAND.fullmatch(line)
        # An unknown word after a slash is a path, not a command.
        if match and (verb := match["verb"].lower()) in MEANINGS:
            words = match["rest"].split()
            return Command(Verb(verb), argument=words[0] if words else "", line=number)
    # Without a command only a fenced block can be meant: lines like `note: later` are talk.
    return Command(Verb.RETRAIN, implicit=True) if fenced else None


def settings_of(body: str, *, required: bool = True) -> dict[str, Any]:
    """The settings that a comment names for the next training; empty where it names none and need not.

    Raises:
        IssueRejected: they cannot be read, or there are none; each mistake with its line of the comment.
    """
    # Imported here: the schema is heavy, and most comments hold no command.
    from mlops.spec import parse_change

    change = parse_change(body[:LONGEST])
    if not change and required:
        command = parse_command(body)
        raise IssueRejected([replace(_NO_SETTINGS, line=command.line if command else None)])
    return change or {}


_NO_SETTINGS = Problem(
    line=None,
    field="/retrain",
    code="missing",
    message="no settings follow",
    remedy="Write at least one setting below it, such as `max_depth: 6`; "
    "to train with the same settings, comment /rerun.",
)
