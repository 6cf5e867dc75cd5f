"""The leaves of a run spec, and the heading under which an issue form shows each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from mlops.spec.algorithms import SETTING_ALIASES, algorithms_with
from mlops.spec.schema import Schema, field_names, field_schema
from mlops.spec.spelling import ALIASES
from mlops.spec.values import fold

FieldPath = tuple[str, ...]

MORE = "More settings"
"""The form's free part: any section of the run spec, as YAML."""

_SECTION_HEADINGS = ("hyperparameters", "thresholds", "splits", "dataset", "preprocessing", "evaluation", "deployment",
                     "auto_scaling", "environment", "agent", "reward_function", "augmentation", "metrics")  # fmt: skip


def leaves(path: FieldPath = ()) -> Iterator[tuple[FieldPath, Schema]]:
    """Every field that is no section, in the order of the model. Hyperparameters depend on the algorithm: not here."""
    for name in field_names(path):
        inner = (*path, name)
        schema = field_schema(inner)
        assert schema is not None
        if inner == ("hyperparameters",):
            continue
        if schema.get("properties"):
            yield from leaves(inner)
        else:
            yield inner, schema


def heading(path: FieldPath) -> str:
    """`("dataset", "s3_uri")` is `Dataset S3 URI`."""
    if path[0] == "hyperparameters" and len(path) == 2:
        return path[1]  # its name in the libraries, which people know
    titles = [str((field_schema(path[: place + 1]) or {}).get("title", path[place])) for place in range(len(path))]
    words = " ".join(titles).split()
    return " ".join([words[0], *(word if word.isupper() and len(word) > 1 else word.lower() for word in words[1:])])


@cache
def paths_by_heading() -> dict[str, FieldPath]:
    """Folded heading -> field. Also understood: the dotted path, and a field's own name where only one has it."""
    table: dict[str, FieldPath] = {}
    by_name: dict[str, set[FieldPath]] = {}
    for path, _ in leaves():
        by_name.setdefault(fold(path[-1]), set()).add(path)
    for name, paths in by_name.items():
        if len(paths) == 1:
            table[name] = next(iter(paths))
    for written, target in ALIASES.items():
        table.setdefault(fold(written), tuple(target.split(".")))
    for path, _ in leaves():
        for part in (path[:length] for length in range(1, len(path) + 1)):
            table[fold(heading(part))] = table[fold(".".join(part))] = part
    for section in _SECTION_HEADINGS:
        target = ALIASES.get(section, section)
        table[fold(section)] = tuple(target.split("."))
    table[fold(MORE)] = ()
    return table


def path_of(title: str) -> FieldPath | None:
    """The field or section that a form's heading names; None for a heading of the requester's own."""
    folded = fold(title)
    path = paths_by_heading().get(folded)
    if path is None and (algorithms_with(folded) or folded in SETTING_ALIASES):
        return ("hyperparameters", folded)
    return path
