"""Turn what the schema says against a draft into problems in the requester's words."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from mlops.errors import Problem
from mlops.spec.algorithms import ALGORITHMS, WORKLOADS, algorithms_with
from mlops.spec.complete import meant_algorithm
from mlops.spec.headings import leaves
from mlops.spec.metrics import METRICS
from mlops.spec.rules import Broken, Path, dotted
from mlops.spec.schema import Schema, field_names, field_schema, in_words
from mlops.spec.spelling import ALIASES, Draft
from mlops.spec.words import listed, nearest, quote, shown
from mlops.spec.yaml12 import MAX_PROBLEMS, resolve

_OUT_OF_RANGE = (
    "greater_than", "greater_than_equal", "less_than", "less_than_equal", "too_short", "too_long", "string_too_short",
    "string_too_long",
)  # fmt: skip
_MOST_EXPLAINED = 4 * MAX_PROBLEMS
"""More are not shown; looking for what each word was meant to be takes time."""
_CODES = {
    **dict.fromkeys(_OUT_OF_RANGE, "out_of_range"),
    "missing": "missing_field",
    "literal_error": "unknown_value",
    "string_pattern_mismatch": "bad_format",
    "finite_number": "not_finite",
    "bad_format": "bad_format",
    "unknown_metric": "unknown_metric",
    "template": "template",
}


def from_validation(invalid: ValidationError, draft: Draft) -> list[Problem]:
    """One problem per error of pydantic, where it was written."""
    errors = invalid.errors(include_url=False)[:_MOST_EXPLAINED]
    places = {error["loc"][:length] for error in errors for length in range(len(error["loc"]))}
    # A list with a bad item is also called too short, because the item is not counted.
    errors = [error for error in errors if error["type"] != "too_short" or error["loc"] not in places]
    problems = [_problem(error, draft) for error in errors]
    return [problem for problem in problems if problem]


def from_rules(broken: list[Broken], draft: Draft) -> list[Problem]:
    return [_at(draft, one.path, one.code, one.message, one.remedy) for one in broken]


def _at(draft: Draft, path: Path, code: str, message: str, remedy: str) -> Problem:
    near = draft.origin(path)
    # What was parsed out of one text (`a < 1`) has the name of that text.
    of_text = near is not None and not isinstance(near.value, (dict, list)) and path not in draft.origins
    exact = draft.origins.get(path) or (near if of_text and path[:-1] in draft.origins else None)
    name = (exact.written if exact else "") or dotted(path)
    return Problem(near.line if near else None, quote(name, 200), code, message, remedy)


_FILLED_IN = (("name",), ("hyperparameters",))


def _problem(error: Any, draft: Draft) -> Problem | None:
    algorithm = meant_algorithm(draft.data.get("algorithm"))
    path = _without_tags(error["loc"])
    kind, value = error["type"], error["input"]
    if kind.startswith("union_tag") or (path in _FILLED_IN and kind == "missing"):
        return None  # follows from the algorithm, which is reported
    if kind == "extra_forbidden":
        return _unknown_field(path, draft, algorithm.name if algorithm else None)
    if path == ("algorithm",):
        return _unknown_algorithm(kind, value, draft)
    schema = field_schema(path, algorithm.name if algorithm else None) or {}
    wanted = in_words(schema)
    if kind == "missing":
        return _at(draft, path, "missing_field", "is needed and was not found.", f"Add `{path[-1]}:` with {wanted}.")
    if kind == "unknown_metric":
        return _at(draft, path, kind, error["msg"], _metric_meant(str(value)))
    code = _CODES.get(kind, "wrong_type")
    if kind == "bad_format":
        return _at(draft, path, code, error["msg"], f"Write it like `{error['ctx']['example']}`.")
    if code == "template":
        return _at(draft, path, code, f"{error['msg']} (got {shown(value)}).", "Write the value itself.")
    return _at(draft, path, code, f"must be {wanted} (got {_got(value, draft, path)}).", _remedy(wanted, value, schema))


def _metric_meant(word: str) -> str:
    meant = nearest(word, METRICS)
    common = [name for name, metric in METRICS.items() if set(metric.tasks) & {"classification", "regression"}]
    return f"Did you mean `{meant}`?" if meant else f"Choose {listed(common)}; docs/run-spec.md has more."


def _got(value: Any, draft: Draft, path: Path) -> str:
    origin = draft.origins.get(path)
    # Show the requester's own spelling, not what an alias made of it.
    return shown(origin.source) if origin and isinstance(value, str) and origin.source else shown(value)


def _remedy(wanted: str, value: Any, schema: Schema) -> str:
    if isinstance(value, str) and schema.get("type") in ("integer", "number", "boolean") and value.strip():
        if isinstance(resolve(value.strip()), (int, float)):  # an unquoted number would have been read as one
            return "Remove the quotes."
        plain = _meant_number(value)
        return f"Write {wanted}." if plain is None else f"Did you mean {plain}? Write {wanted}."
    if isinstance(value, str) and "enum" in schema:
        meant = nearest(value, [str(choice) for choice in schema["enum"]])
        if meant:
            return f"Did you mean `{meant}`?"
    if schema.get("type") == "string" and isinstance(value, (int, float)):
        return "Put it in quotes."
    return f"Write {wanted}."


def _meant_number(written: str) -> str | None:
    """`1,000`, `1_000`, `90%` and `0,5` as YAML writes them."""
    text = written.strip()
    if _GROUPED.fullmatch(text):
        return re.sub("[,_]", "", text)
    if _PERCENT.fullmatch(text):
        return f"{float(text.rstrip(' %')) / 100:g}"
    return text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else None


_GROUPED = re.compile(r"\d{1,3}([,_]\d{3}){1,4}")
_PERCENT = re.compile(r"\d{1,3}(\.\d{1,6})? ?%")
_DECIMAL_COMMA = re.compile(r"\d{1,9},\d{1,9}")


def _without_tags(location: tuple[str | int, ...]) -> Path:
    """pydantic's location without the names of union members and the mark of a dictionary's key."""
    path = tuple(part for part in location if part != "[key]")
    if len(path) > 1 and path[0] == "hyperparameters" and path[1] in ALGORITHMS:
        path = (path[0], *path[2:])
    return path


def _unknown_algorithm(kind: str, value: Any, draft: Draft) -> Problem:
    path, choices = ("algorithm",), listed(WORKLOADS)
    if kind == "missing":
        return _at(draft, path, "missing_field", "is needed and was not found.", f"Add `algorithm:` with {choices}.")
    meant = nearest(value, ALGORITHMS) if isinstance(value, str) else None
    hint = f"Did you mean `{meant}`? " if meant else ""
    code = "unknown_algorithm" if isinstance(value, str) else "wrong_type"
    return _at(draft, path, code, f"is no algorithm known here (got {shown(value)}).", f"{hint}Choose {choices}.")


def no_workload(draft: Draft, algorithm: str) -> Problem:
    message = f"{algorithm} has no workload yet, so nothing could train it."
    return _at(draft, ("algorithm",), "no_workload", message, f"Choose {listed(WORKLOADS)}.")


def _unknown_field(path: Path, draft: Draft, algorithm: str | None) -> Problem:
    section, key = path[:-1], str(path[-1])
    where = f"in `{dotted(section)}`" if section else "at the top level"
    if section == ("hyperparameters",):
        return _unknown_setting(path, draft, algorithm)
    known = field_names(section)
    meant = nearest(key, [*known, *_aliases_in(section)])
    elsewhere = _elsewhere(key)
    if elsewhere or meant:  # a name that is right somewhere is no slip of the keyboard
        remedy = f"Did you mean `{elsewhere or meant}`?"
    else:
        remedy = f"Remove it; known are {listed(known, 'and')}."
    return _at(draft, path, "unknown_field", f"is no field {where} (got `{quote(key)}`).", remedy)


def _unknown_setting(path: Path, draft: Draft, algorithm: str | None) -> Problem:
    key = str(path[-1])
    own = ALGORITHMS[algorithm].setting_names if algorithm else []
    others = algorithms_with(key)
    if others:
        message = f"is a setting of {listed(others, 'and')}, not of {algorithm}."
        return _at(draft, path, "not_for_algorithm", message, f"Remove it; {algorithm} has {listed(own, 'and')}.")
    meant = nearest(key, own)
    remedy = f"Did you mean `{meant}`?" if meant else f"Remove it; {algorithm} has {listed(own, 'and')}."
    return _at(draft, path, "unknown_field", f"is no setting of {algorithm} (got `{quote(key)}`).", remedy)


def _aliases_in(section: Path) -> list[str]:
    prefix = f"{dotted(section)}." if section else ""
    return [
        alias.removeprefix(prefix)
        for alias in ALIASES
        if alias.startswith(prefix) and "." not in alias.removeprefix(prefix)
    ]


def _elsewhere(key: str) -> str | None:
    """The section that has a field of this name, for one written at the wrong level."""
    if algorithms_with(key):
        return f"hyperparameters.{key}"
    return next((dotted(path) for path, _ in leaves() if path[-1] == key and len(path) > 1), None)
