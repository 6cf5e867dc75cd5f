"""The comment that says why nothing was started: every mistake at once, in the issue's own words and lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops.errors import Problem
from mlops.identity import digest
from mlops.markdown import code, fit, prose, table
from mlops.spec.body import split_lines

if TYPE_CHECKING:
    from mlops.github import IssueSnapshot
    from mlops.intake import Decision
    from mlops.settings import Settings

_SHOWN = 100
"""Mistakes listed; a file pasted by accident has thousands."""


def marker(snapshot: IssueSnapshot, decision: Decision) -> str:
    """The hidden line by which the comment of one refused text is found again."""
    return f"<!-- mlops-refusal:{digest([snapshot.number, decision.refusal], 16)} -->"


def render(snapshot: IssueSnapshot, decision: Decision, settings: Settings) -> str:
    mark = marker(snapshot, decision)
    if not decision.problems:
        return f"{mark}\n\n{_who(snapshot, settings)}"
    count = len(decision.problems)
    blocks = [
        mark,
        f"## 🔍 Nothing was started: {count} {'thing needs' if count == 1 else 'things need'} a change",
        problem_table(decision.problems, snapshot.body),
        "Edit the issue. If you may write to this repository, the next look starts the run; "
        "otherwise ask a maintainer to set the label again.",
    ]
    return fit(blocks, optional=[2])


def problem_table(problems: Sequence[Problem], text: str) -> str:
    """One row a mistake; `text` is what was read, whose lines are quoted."""
    lines = split_lines(text)
    rows = [
        [
            str(problem.line) if problem.line else "–",
            code(problem.field, 80),
            code(lines[problem.line - 1].strip(), 80) if problem.line and 0 < problem.line <= len(lines) else "",
            prose(problem.message, 400),
            prose(problem.remedy, 500),
        ]
        for problem in problems[:_SHOWN]
    ]
    shown = table(["Line", "Field", "You wrote", "What is wrong", "What to do"], rows, "rllll")
    left_out = len(problems) - _SHOWN
    return shown if left_out <= 0 else f"{shown}\n\nAnd {left_out} more."


def _who(snapshot: IssueSnapshot, settings: Settings) -> str:
    event = snapshot.labelled
    label = code(event.label if event else settings.trigger_labels[0], 60)
    who = code(event.actor, 60) if event and event.actor else "an unknown account"
    return (
        "## 🔒 Nothing was started\n\n"
        f"The label {label} was set by {who}, who may not start runs here. "
        "Ask somebody with write access to remove the label and set it again; nothing else needs to change."
    )
