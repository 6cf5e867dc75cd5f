"""What an endpoint was asked and what it answered, read from SageMaker's data-capture files."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from workloads.drift.lines import Exchange, LeftOut, capture_files, read_exchange
from workloads.serving.answers import Refusal
from workloads.serving.bodies import Reader
from workloads.tabular.features import FeaturePlan, to_number, to_word


@dataclass
class Captured:
    """Requests in raw units, as columns, and the answers that could be read."""

    columns: dict[str, np.ndarray]
    """(n,) float64 with NaN, or object of words with None, per feature of the plan."""
    predictions: list[str] | list[float]
    """Labels (classification), values (regression), else nothing. Not aligned with the rows: answers may be lost."""
    lines: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """Lines left out, by reason."""

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def read_captures(folder: Path, plan: FeaturePlan, own_requests: str = "") -> Captured:
    """Every line of every file below `folder`. A line that cannot be read is counted, never fatal.

    Lines whose inference id begins with `own_requests` are no traffic: the control plane tried a deployment with them.
    """
    reader, names = Reader(plan), plan.names
    blocks: list[Any] = []
    captured = Captured({}, [])
    for path in capture_files(folder):
        with path.open("rb") as file:
            for line in file:
                if line.strip():
                    captured.lines += 1
                    _read_line(line, reader, plan.task, blocks, captured, own_requests)
    kinds = [column.kind for column in plan.columns]
    captured.columns = {
        name: _column(blocks, place, kind) for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
    }
    return captured


def _read_line(line: bytes, reader: Reader, task: str, blocks: list[Any], captured: Captured, own: str) -> None:
    try:
        exchange = read_exchange(line, own)
    except LeftOut as left_out:
        captured.skipped[str(left_out)] += 1
        return
    try:
        rows = reader.read_csv(exchange.asked) if "csv" in exchange.asked_kind else reader.read_json(exchange.asked)
        reader.encode(rows)
    except Refusal:
        captured.skipped["refused_request"] += 1  # the endpoint refused it, too
        return
    blocks.append(rows)
    try:
        captured.predictions += _predictions(exchange, task)  # type: ignore[arg-type]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        captured.skipped["unread_answer"] += 1  # the request still counts


def _predictions(exchange: Exchange, task: str) -> list[Any]:
    name = {"classification": "label", "regression": "value"}.get(task)
    answer = exchange.answered
    if answer is None:
        raise ValueError("no answer")
    if name is None:
        return []
    if "csv" in exchange.answered_kind:
        header, *rows = csv.reader(io.StringIO(answer.decode()))
        place = header.index(name)
        found = [row[place] for row in rows]
    else:
        found = [prediction[name] for prediction in orjson.loads(answer)["predictions"]]
    return [str(value) for value in found] if name == "label" else [float(value) for value in found]


def _column(blocks: Sequence[Any], place: int, kind: str) -> np.ndarray:
    """One feature over all requests, spelled as training spelled it."""
    parts = [_values(block, place, kind) for block in blocks]
    if parts:
        return np.concatenate(parts)
    return np.empty(0, dtype=object if kind == "category" else np.float64)


def _values(block: np.ndarray | Iterable[Sequence[Any]], place: int, kind: str) -> np.ndarray:
    if isinstance(block, np.ndarray):
        return block[:, place]
    values = [row[place] for row in block]
    if kind != "category":
        return np.array([to_number("", value) for value in values], dtype=np.float64)
    words = np.empty(len(values), dtype=object)
    words[:] = [to_word(value) for value in values]
    return words
