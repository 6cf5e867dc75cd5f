"""Read the `### Heading` layout in which GitHub files a filled issue form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlops.errors import Problem
from mlops.spec.headings import FieldPath, path_of
from mlops.spec.schema import field_schema
from mlops.spec.yaml12 import Node, read, resolve

_HEADING = re.compile(r"[ ]{0,3}(#{1,6})[ \t](.*)")
_EMPTY = {"", "_no response_", "no response", "none selected"}
AUTO = "auto"
"""Shown for a choice that is left to the system: a drop-down cannot be empty."""
_LEVEL = 3
"""GitHub writes the label of each element as `###`."""


@dataclass
class Form:
    """One mapping per answered element."""

    roots: list[Node] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class _Answer:
    path: FieldPath
    text: str
    line: int


def read_form(prose: list[str], fences: Sequence[tuple[int, str]], first_line: int = 1) -> Form | None:
    """The form in a body; None where the body is no form.

    Args:
        prose: lines of the body, fences blanked out.
        fences: (line of the issue on which the content begins, content) of each fence.
        first_line: line of the issue on which `prose` begins.

    A body is a form when it has the `Algorithm` element, answered in one line, and one more.
    """
    answers = _answers(prose, fences, first_line)
    paths = {answer.path for answer in answers}
    algorithm = next((answer for answer in answers if answer.path == ("algorithm",)), None)
    if len(paths) < 2 or algorithm is None or "\n" in algorithm.text:
        return None
    form = Form()
    for answer in answers:
        if not _is_empty(answer):
            _add(form, answer)
    return form


def _answers(prose: list[str], fences: Sequence[tuple[int, str]], first_line: int) -> list[_Answer]:
    headings = [(number, match) for number, match in enumerate(map(_HEADING.fullmatch, prose)) if match]
    headings = [(number, match) for number, match in headings if len(match.group(1)) <= _LEVEL]
    answers = []
    for place, (number, match) in enumerate(headings):
        path = path_of(match.group(2).strip().rstrip("#")) if len(match.group(1)) == _LEVEL else None
        if path is None:
            continue
        end = headings[place + 1][0] if place + 1 < len(headings) else len(prose)
        inside = [(first, text) for first, text in fences if number < first - first_line <= end]
        line, text = inside[0] if inside else _trimmed(prose, number, end, first_line)
        answers.append(_Answer(path, text, line))
    return answers


def _trimmed(prose: list[str], heading: int, end: int, first_line: int) -> tuple[int, str]:
    """(line, text) between two headings, without the blank lines around it."""
    filled = [number for number in range(heading + 1, end) if prose[number].strip()]
    if not filled:
        return heading + first_line, ""
    return filled[0] + first_line, "\n".join(prose[filled[0] : filled[-1] + 1]).strip()


def _is_empty(answer: _Answer) -> bool:
    text = answer.text.strip().lower()
    choices = (field_schema(answer.path) or {}).get("enum", ()) if answer.path else ()
    # A drop-down left alone says "None" on older servers, which is a choice of some fields.
    return text in _EMPTY or (text in ("none", AUTO) and bool(choices) and text not in choices)


def _add(form: Form, answer: _Answer) -> None:
    schema = field_schema(answer.path, None) if answer.path else {"type": "object"}
    kind = (schema or {}).get("type")
    path = answer.path
    if kind == "object" and path == ("dataset",) and ":" not in answer.text:
        path, kind = ("dataset", "name"), "string"
    if kind == "string":
        node: Node | None = _text(answer, path)
    elif kind == "array" and not answer.text.startswith(("[", "- ", "-\t")):
        node = _comma_list(answer, path)
    else:
        reading = read(answer.text, answer.line, ".".join(path))
        form.problems += reading.problems
        node = reading.root
    if node is None:
        return
    if not path and not isinstance(node.value, dict):
        message, remedy = "must be a mapping (`key: value` lines).", "Write `section:` and its fields."
        form.problems.append(Problem(answer.line, "document", "wrong_type", message, remedy))
        return
    for part in reversed(path):
        node = Node({part: node}, node.line, node.written)
    form.roots.append(node)


def _text(answer: _Answer, path: FieldPath) -> Node:
    text = answer.text.strip("`")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return Node(text, answer.line, ".".join(path), text)


def _comma_list(answer: _Answer, path: FieldPath) -> Node:
    """`a, b` and one value per line, as people fill a text field."""
    name = ".".join(path)
    parts = [part.strip() for part in re.split(r"[,\n]", answer.text) if part.strip()]
    items = [Node(resolve(part), answer.line, f"{name}[{place}]", part) for place, part in enumerate(parts)]
    return Node(items, answer.line, name)
