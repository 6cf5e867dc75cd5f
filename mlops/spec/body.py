"""Find the run description in the body of an issue: fenced YAML, an issue form, or YAML between prose."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from mlops.errors import Problem
from mlops.spec.form import read_form
from mlops.spec.schema import field_names
from mlops.spec.slips import slips
from mlops.spec.spelling import ALIASES, is_forbidden
from mlops.spec.yaml12 import MAX_BYTES, Node, Reading, read

MAX_BODY_BYTES = 4 * MAX_BYTES
"""GitHub's limit of 65,536 characters, at four bytes each."""

_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})(.*)")
_LANGUAGES = {"", "yaml", "yml", "json", "mlops"}
_MAX_FENCES = 32
_WRAPPER = {"title", "labels", "assignees", "about", "body"}
_KEY_LINE = re.compile(r"^([ ]*)[\"']?([A-Za-z_][A-Za-z0-9_.-]*)[\"']?[ ]*:(?:[ \t]|$)")
_WRAPPED_BODY = re.compile(r"^body[ ]*:[ ]*[|>]", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A run of lines of the body; `language` is a fence's."""

    lines: list[str]
    first_line: int
    language: str = ""

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass
class Document:
    """The description, read as YAML, or why there is none."""

    roots: list[Node] = field(default_factory=list)
    """Mappings that together are the description: one, or one per heading of a form."""
    problems: list[Problem] = field(default_factory=list)
    is_form: bool = False

    @property
    def keys(self) -> set[str]:
        return {key for root in self.roots if isinstance(root.value, dict) for key in root.value}


def top_level_keys() -> set[str]:
    """Keys that show a mapping to be a run description: fields, sections and their aliases."""
    return {*field_names(()), *(alias for alias in ALIASES if "." not in alias)} - {"name"}


def find_document(body: str, first_line: int = 1, *, wrapped: bool = False) -> Document:
    """The description in `body`. Line numbers of nodes and problems are those of the issue.

    Args:
        body: Markdown.
        first_line: line of the issue on which `body` begins.
        wrapped: `body` comes out of a `title/labels/body` mapping and is not looked into for another.
    """
    if len(body.encode("utf-8", "surrogatepass")) > MAX_BODY_BYTES:
        message = f"must be at most {MAX_BODY_BYTES // 1024} KiB."
        return Document(problems=[Problem(None, "document", "too_large", message, "Shorten the issue.")])
    known = top_level_keys()
    prose, fences = split_fences(_without_front_matter(split_lines(body), known), first_line)
    whole_in_fence = any(line.startswith("algorithm:") for fence in fences for line in fence.lines)
    form = None if whole_in_fence else read_form(prose, [(one.first_line, one.text) for one in fences], first_line)
    if form is not None:
        return Document(form.roots, form.problems, is_form=True)
    found = _fenced(fences[:_MAX_FENCES], known, wrapped) or _raw(prose, known, first_line, wrapped)
    if found and (found.roots or found.problems):
        return found
    slipped = slips("\n".join(_readable(prose, fences, first_line)), first_line, known)
    if slipped:
        return Document(problems=slipped)
    message = "holds no description of a run: no YAML with keys such as `algorithm:` and `dataset:` was found."
    return Document(problems=[Problem(None, "document", "no_document", message, _REMEDY)])


def _readable(prose: list[str], fences: list[Block], first_line: int) -> list[str]:
    """The body with its prose and those fences that could hold the description."""
    lines = list(prose)
    for fence in fences[:_MAX_FENCES]:
        if fence.language in _LANGUAGES:
            start = fence.first_line - first_line
            lines[start : start + len(fence.lines)] = fence.lines
    return lines


def split_lines(body: str) -> list[str]:
    """Lines as GitHub counts them, without a byte-order mark."""
    return re.split(r"\r\n|\r|\n", body.removeprefix("\ufeff"))


def _without_front_matter(lines: list[str], known: set[str]) -> list[str]:
    """Blank out what files of issues keep between `---` lines about themselves, unless it is the description."""
    if lines[0] != "---" or "---" not in lines[1:]:
        return lines
    end = lines.index("---", 1) + 1
    keys = {match.group(2) for match in map(_KEY_LINE.match, lines[:end]) if match and not match.group(1)}
    return lines if keys & known else [""] * end + lines[end:]


def split_fences(lines: list[str], first_line: int = 1) -> tuple[list[str], list[Block]]:
    """The body with fences and HTML comments blanked out, and the fences."""
    prose: list[str] = []
    fences: list[Block] = []
    closing: Callable[[str], bool] | None = None
    in_comment = False
    for number, line in enumerate(lines, first_line):
        opening = _FENCE.fullmatch(line) if closing is None and not in_comment else None
        if opening and "`" not in opening.group(3):
            indent, mark, information = opening.groups()
            fences.append(Block([], number + 1, (information.split() or [""])[0].lower()))
            closing = re.compile(rf"[ \t]*{re.escape(mark[0])}{{{len(mark)},}}[ \t]*").fullmatch  # type: ignore[assignment]
            width = len(indent)
        elif closing is not None:
            if closing(line):
                closing = None
            else:
                fences[-1].lines.append(line[min(width, len(line) - len(line.lstrip(" \t"))) :])
        else:
            in_comment = in_comment or line.lstrip().startswith("<!--")
            prose.append("" if in_comment else line)
            in_comment = in_comment and "-->" not in line
            continue
        prose.append("")
    return prose, fences


def _fenced(fences: list[Block], known: set[str], wrapped: bool) -> Document | None:
    """The first fence that is a mapping with a known key, or that was to be one and is broken."""
    fallback: Document | None = None
    for fence in fences:
        if fence.language not in _LANGUAGES:
            continue
        document = _unwrapped(read(fence.text, fence.first_line), wrapped)
        if document.keys & known or (not document.roots and document.problems and _mentions(fence.lines, known)):
            return document
        if fallback is None and (document.keys or document.problems) and fence.language in ("yaml", "yml"):
            fallback = document
    return fallback


def _mentions(lines: list[str], known: set[str]) -> bool:
    return any(match and match.group(2) in known for match in map(_KEY_LINE.match, lines))


def _raw(prose: list[str], known: set[str], first_line: int, wrapped: bool) -> Document | None:
    """YAML written without a fence, from its first known key to the end of its last block."""
    text = "\n".join(prose)
    if text.lstrip().startswith("{"):
        document = _unwrapped(read(text, first_line), wrapped)
        if document.keys & known:
            return document
    starts = known | _WRAPPER if _WRAPPED_BODY.search(text) else known
    keyed = [(number, match) for number, match in enumerate(map(_KEY_LINE.match, prose)) if match]
    first = next(((number, match) for number, match in keyed if match.group(2) in starts), None)
    if first is None:
        return None
    start, indent = first[0], len(first[1].group(1))
    at_level = {number: match.group(2) for number, match in keyed if number >= start and len(match.group(1)) == indent}
    last = max(number for number, key in at_level.items() if key in starts or is_forbidden(key))
    end = _end_of_block(prose, last, indent, at_level)
    block = [line[indent:] if not line[:indent].strip() else line for line in prose[start:end]]
    return _unwrapped(read("\n".join(block), start + first_line), wrapped)


def _end_of_block(prose: list[str], last: int, indent: int, keys: dict[int, str]) -> int:
    """The line after the block of the last known key; keys that follow without a blank line belong to it."""
    end, blank_before = last + 1, False
    for number in range(last + 1, len(prose)):
        line = prose[number]
        stripped = line.strip()
        if not stripped:
            blank_before = True
            continue
        deeper = len(line) - len(line.lstrip(" ")) > indent
        key = keys.get(number, "")
        # After a blank line, `Note: ...` is prose again, while `epochs: 3` is a setting in the wrong place.
        beside = bool(key) and (key.islower() or not blank_before)
        beside = beside or (not blank_before and stripped.startswith(("- ", "#", "<<", "? ")))
        if not deeper and not beside:
            break
        end, blank_before = number + 1, False
    return end


def _unwrapped(reading: Reading, wrapped: bool) -> Document:
    """The description itself, where it is the `body` of a `title/labels/body` mapping."""
    document = Document(
        [reading.root] if reading.root and isinstance(reading.root.value, dict) else [], reading.problems
    )
    body = reading.root.value.get("body") if reading.root and isinstance(reading.root.value, dict) else None
    if wrapped or body is None or not isinstance(body.value, str) or not document.keys <= _WRAPPER:
        return document
    inner = find_document(body.value, body.line or 1, wrapped=True)
    return Document(inner.roots, [*reading.problems, *inner.problems], inner.is_form)


_REMEDY = "Write the settings in a ```yaml block, or file the issue with the form."
