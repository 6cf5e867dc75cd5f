"""Read YAML text written by a stranger: plain data with line numbers, every mistake a `Problem`, nothing else raised.

Built on PyYAML's events, so no constructor runs. Scalars follow the core schema of YAML 1.2 (`3e-4` is a number,
`on` is text, `030` is thirty); aliases, tags and merge keys are refused; size, depth and count are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from mlops.errors import Problem
from mlops.spec.slips import slips
from mlops.spec.words import quote

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_NODES = 4_000
MAX_SCALAR = 4_096
MAX_KEY = 128
MAX_PROBLEMS = 50
"""Reading stops there: the requester has enough to mend."""
_MAX_NUMBER = 64
"""Digits beyond it make a text: `int()` refuses very long numbers, and no setting needs one."""

Scalar = str | int | float | bool | None

_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = {f"{sign}.{word}": sign for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")}
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
"""Control characters, line breaks that GitHub does not count as lines, and halves of surrogate pairs."""


_JOINED = re.compile(r":([^\S \t\n\r])")


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it was written."""

    value: Scalar | list[Node] | dict[str, Node]
    line: int | None = None
    """1-based line of its key, or of the value itself inside a list."""
    written: str = ""
    """Dotted path in the requester's own spelling, e.g. `hyperparameters.lr`."""
    source: str = ""
    """A scalar as written: `0.10` where the value is 0.1."""


@dataclass
class Reading:
    """What came out of one text: the tree, as far as it could be read, and every mistake."""

    root: Node | None = None
    problems: list[Problem] = field(default_factory=list)


class _TooMuch(Exception):
    """A bound was passed; its problem is on the list."""


def read(text: str, first_line: int = 1, prefix: str = "") -> Reading:
    """Read one YAML document.

    Args:
        text: the document.
        first_line: line of the issue body on which `text` begins.
        prefix: dotted path of the section that `text` fills, for the names of its fields.
    """
    reading = Reading()
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        reading.problems.append(
            Problem(first_line, "document", "too_large", f"must be at most {MAX_BYTES // 1024} KiB.", "Shorten it.")
        )
        return reading
    unfit = _UNFIT.search(text)
    if unfit:
        line = first_line + text.count("\n", 0, unfit.start())
        message = f"holds a character that is not allowed (U+{ord(unfit.group()):04X})."
        reading.problems.append(Problem(line, "document", "bad_character", message, "Type the line anew."))
        return reading
    builder = _Builder(text, first_line, reading.problems)
    try:
        reading.root = builder.document(prefix)
    except _TooMuch:
        pass
    except yaml.MarkedYAMLError as broken:
        found = slips(text, first_line) or [_syntax(broken, first_line)]
        lines = {problem.line for problem in found}  # named more closely than while it was read
        reading.problems = [problem for problem in reading.problems if problem.line not in lines] + found
    except (yaml.YAMLError, ValueError, OverflowError, IndexError) as broken:
        # PyYAML lets some errors of Python through, e.g. for the escape "\UFFFFFFFF".
        message = f"is not YAML: {quote(str(broken))}."
        reading.problems.append(Problem(first_line, "document", "yaml_syntax", message, _SYNTAX_REMEDY))
    return reading


_SYNTAX_REMEDY = "Write `key: value` lines, indented by spaces; put text with special characters in quotes."


def _syntax(broken: yaml.MarkedYAMLError, first_line: int) -> Problem:
    mark = broken.problem_mark or broken.context_mark
    line = first_line + mark.line if mark else first_line
    why = broken.problem or broken.context or "it cannot be read"
    return Problem(line, "document", "yaml_syntax", f"is not YAML here: {quote(why)}.", _SYNTAX_REMEDY)


class _Builder:
    """Turns events into nodes, counting as it goes."""

    def __init__(self, text: str, first_line: int, problems: list[Problem]):
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._first_line = first_line
        self._problems = problems
        self._nodes = 0

    def document(self, prefix: str) -> Node | None:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._report(event, "document", "yaml_feature", "a second document begins here.", "Write one only.")
                    break
                root = self._node(next(self._events), prefix, 0)
        return root

    def _report(self, event: yaml.Event, written: str, code: str, message: str, remedy: str) -> None:
        self._problems.append(Problem(self._line(event), written or "document", code, message, remedy))
        if len(self._problems) >= MAX_PROBLEMS:
            raise _TooMuch

    def _line(self, event: yaml.Event) -> int:
        mark = event.start_mark
        return self._first_line + (mark.line if mark else 0)

    def _node(self, event: yaml.Event, written: str, depth: int, line: int | None = None) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            limit = f"{MAX_NODES} values" if self._nodes > MAX_NODES else f"{MAX_DEPTH} levels"
            self._report(event, written, "too_large", f"holds more than {limit}.", "Shorten it.")
            raise _TooMuch
        self._refuse_features(event, written)
        line = line or self._line(event)
        if isinstance(event, yaml.MappingStartEvent):
            return Node(self._mapping(written, depth), line, written)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(self._sequence(written, depth), line, written)
        if isinstance(event, yaml.ScalarEvent):
            # The body of a `title/labels/body` wrapper is a whole document and is bounded as one.
            if len(event.value) > MAX_SCALAR and written != "body":
                message = f"must have at most {MAX_SCALAR} characters (got {len(event.value)})."
                self._report(event, written, "too_large", message, "Shorten it.")
                return Node(None, line, written)
            return self._scalar(event, line, written)
        return Node(None, line, written)

    def _scalar(self, event: yaml.ScalarEvent, line: int, written: str) -> Node:
        if _UNFIT.search(event.value):  # an escape such as "\0" in double quotes
            self._report(event, written, "bad_character", "holds a control character.", "Remove the escape.")
            return Node(None, line, written)
        # `name:` and a space of web pages or Japanese keyboards are one word to YAML; see mlops/spec/slips.py
        if event.style is None and (joined := _JOINED.search(event.value)):
            message = f"has a space after a colon that YAML does not take for one (U+{ord(joined[1]):04X})."
            self._report(event, written, "bad_character", message, "Write an ordinary space there.")
            return Node(None, line, written)
        if event.style in ("|", ">"):
            line = self._line(event) + 1 if written == "body" else line
        # Such a space at an end is seen by nobody.
        value = resolve(event.value.strip()) if event.style is None else event.value
        return Node(value, line, written, event.value)

    def _refuse_features(self, event: yaml.Event, written: str) -> None:
        if isinstance(event, yaml.AliasEvent):
            what, remedy = f"alias `*{quote(str(event.anchor))}`", _EXPAND
        elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            what, remedy = f"anchor `&{quote(event.anchor)}`", _EXPAND
        elif isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) and event.tag is not None:
            what, remedy = f"tag `{quote(event.tag)}`", "Remove it."
        else:
            return
        self._report(event, written, "yaml_feature", f"{what} is not read here.", remedy)

    def _sequence(self, written: str, depth: int) -> list[Node]:
        items: list[Node] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, f"{written}[{len(items)}]", depth + 1))
        return items

    def _mapping(self, written: str, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        for key_event in self._events:
            if isinstance(key_event, yaml.MappingEndEvent):
                break
            key = self._key(key_event, written, depth)
            path = f"{written}.{key}" if written else key
            node = self._node(next(self._events), path if key else written, depth + 1, self._line(key_event))
            if key in entries:
                message = f"is written twice (first on line {entries[key].line})."
                self._report(key_event, path, "duplicate_key", message, "Keep one of them.")
            elif key:
                entries[key] = node
        return entries

    def _key(self, event: yaml.Event, written: str, depth: int) -> str:
        """The key as text; "" where it cannot be one (reported)."""
        node = self._node(event, written, depth + 1)
        if not isinstance(event, yaml.ScalarEvent) or not event.value or not node.source:
            self._report(event, written, "bad_key", "a key must be a plain word.", "Write `key: value`.")
            return ""
        if len(event.value) > MAX_KEY or "\n" in event.value:
            message = f"a key must be one line of at most {MAX_KEY} characters (got {quote(event.value)})."
            self._report(event, written, "bad_key", message, "Shorten it.")
            return ""
        if event.value != event.value.strip():  # see mlops/spec/slips.py
            stranger = next(mark for mark in (event.value[0], event.value[-1]) if mark.isspace())
            message = f"has a space that YAML does not take for one (U+{ord(stranger):04X})."
            self._report(event, written, "bad_character", message, "Indent by ordinary spaces.")
            return ""
        if event.value == "<<":
            self._report(event, written, "yaml_feature", "merge key `<<` is not read here.", _EXPAND)
            return ""
        return event.value


_EXPAND = "Write the values out."


def resolve(plain: str) -> Scalar:
    """The value of an unquoted scalar under the core schema of YAML 1.2 (section 10.3.2)."""
    if plain in _WORDS:
        return _WORDS[plain]
    if plain in _NOT_FINITE:
        return float(_NOT_FINITE[plain] + "inf")
    if len(plain) > _MAX_NUMBER:
        return plain
    if _INTEGER.fullmatch(plain):
        return int(plain)
    if _OCTAL_OR_HEX.fullmatch(plain):
        return int(plain, 0)
    if _FLOAT.fullmatch(plain):
        return float(plain)
    return plain


def from_plain(value: object, written: str = "", depth: int = 0) -> Node:
    """A node without a line, for data that came as JSON. What lies too deep becomes text, which no field accepts."""
    if isinstance(value, dict) and depth < MAX_DEPTH:
        names = {key: f"{written}.{key}" if written else str(key) for key in value}
        return Node({str(key): from_plain(value[key], name, depth + 1) for key, name in names.items()}, None, written)
    if isinstance(value, (list, tuple)) and depth < MAX_DEPTH:
        items = [from_plain(inner, f"{written}[{place}]", depth + 1) for place, inner in enumerate(value)]
        return Node(items, None, written)
    if isinstance(value, (dict, list, tuple)):
        return Node("…", None, written, "…")
    known = value is None or isinstance(value, (str, int, float, bool))
    return Node(value if known else str(value), None, written, "" if value is None else str(value))  # type: ignore[arg-type]


def to_plain(node: Node) -> object:
    """The values alone."""
    if isinstance(node.value, dict):
        return {key: to_plain(inner) for key, inner in node.value.items()}
    if isinstance(node.value, list):
        return [to_plain(inner) for inner in node.value]
    return node.value
