"""What a training job prints each epoch, read back from its log: `epoch=3 train:loss=0.12 validation:accuracy=0.93`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

_LINE = re.compile(r"epoch=(\d{1,7})((?: [a-z]+:[a-z0-9_]{1,40}=\S{1,32})*)\s*")
_VALUE = re.compile(r"([a-z]+:[a-z0-9_]{1,40})=(\S{1,32})")
_SHOWN = 4
"""Figures in one sentence."""


@dataclass(frozen=True)
class Epoch:
    number: int
    values: dict[str, float]
    """`train:loss` and the like; finite ones only."""


def read_epochs(lines: Iterable[str]) -> list[Epoch]:
    """The epochs in some lines of a log, by number; of one that is told twice the values are joined."""
    found: dict[int, dict[str, float]] = {}
    for line in lines:
        match = _LINE.fullmatch(line.partition("] ")[2] if line.startswith("[") else line)
        if match:
            found.setdefault(int(match.group(1)), {}).update(_values(match.group(2)))
    return [Epoch(number, found[number]) for number in sorted(found)]


def _values(text: str) -> dict[str, float]:
    values = {}
    for name, written in _VALUE.findall(text):
        try:
            value = float(written)
        except ValueError:
            continue
        if math.isfinite(value):
            values[name] = value
    return values


def sentence(epochs: list[Epoch], total: int | None) -> str:
    """The newest epoch in words; the newest figures of the validation split, which may be older, first."""
    last = epochs[-1]
    judged = next((one for one in reversed(epochs) if any(name.startswith("validation:") for name in one.values)), last)
    values = {**last.values, **{name: value for name, value in judged.values.items() if "validation:" in name}}
    ordered = sorted(values.items(), key=lambda pair: not pair[0].startswith("validation:"))
    shown = ", ".join(f"{name.replace(':', ' ')} {value:.4g}" for name, value in ordered[:_SHOWN])
    return f"Epoch {last.number}{f' of {total}' if total else ''}" + (f": {shown}." if shown else ".")
