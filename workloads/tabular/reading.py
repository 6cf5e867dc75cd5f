"""Raw objects of a dataset (CSV, CSV.gz, Parquet) as one table in memory."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.contract import UserError, log
from workloads.tabular.features import BOOLEAN_WORDS, MISSING_WORDS

if TYPE_CHECKING:
    import pyarrow as pa

NUMERIC_SHARE = 0.95
"""A text column of which so many values are numbers is a number column with some unreadable entries."""


@dataclass(frozen=True)
class Table:
    """Columns of n rows: float64 with NaN for missing (number, boolean), or object with str or None (category)."""

    columns: dict[str, np.ndarray]
    kinds: dict[str, str]
    unreadable: dict[str, int] = field(default_factory=dict)
    """Entries of number columns that are no numbers; they count as missing."""
    sources: list[dict[str, Any]] = field(default_factory=list)
    """Path, sha256 and rows of each object read."""

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def take(self, chosen: np.ndarray) -> Table:
        """The rows of an index or mask."""
        return replace(self, columns={name: values[chosen] for name, values in self.columns.items()})

    def select(self, names: Iterable[str]) -> Table:
        names = list(names)
        return replace(self, columns={n: self.columns[n] for n in names}, kinds={n: self.kinds[n] for n in names})

    def missing(self, name: str) -> np.ndarray:
        """(n,) bool: where column `name` has no value."""
        return missing_mask(self.columns[name])


def missing_mask(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return np.array([value is None for value in values], dtype=bool)
    return ~np.isfinite(values)


def read_table(folder: Path) -> Table:
    """All data objects below `folder`, in order of their names, one after the other.

    Raises:
        UserError: no data object, one that cannot be read, or columns that differ between objects.
    """
    import pyarrow as pa

    paths = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    data = [path for path in paths if path.name.lower().endswith((".csv", ".csv.gz", ".parquet"))]
    for path in set(paths) - set(data):
        if path.name != "metadata.json":
            log("Left out: no CSV or Parquet object", object=str(path.relative_to(folder)))
    if not data:
        found = ", ".join(sorted(path.name for path in paths)[:5]) or "nothing"
        raise UserError(f"dataset: no .csv, .csv.gz or .parquet object found ({found}); put the data under its raw/")
    tables: list[pa.Table] = []
    sources: list[dict[str, Any]] = []
    for path in data:
        name = str(path.relative_to(folder))
        table = _read_parquet(path, name) if name.lower().endswith(".parquet") else _read_csv(path, name)
        table = table.rename_columns([str(column).strip().lstrip("\ufeff") for column in table.column_names])
        _check_columns(table, name, tables[0] if tables else None, sources)
        tables.append(table.select(tables[0].column_names) if tables else table)
        sources.append({"path": name, "sha256": sha256(path), "rows": table.num_rows})
    converted = [_convert(pa.chunked_array(_alike([table[name] for table in tables])), name, data[0].name)
                 for name in tables[0].column_names]  # fmt: skip
    names = tables[0].column_names
    return Table(
        columns={name: values for name, (values, _, _) in zip(names, converted, strict=True)},
        kinds={name: kind for name, (_, kind, _) in zip(names, converted, strict=True)},
        unreadable={name: bad for name, (_, _, bad) in zip(names, converted, strict=True) if bad},
        sources=sources,
    )


def read_metadata(folder: Path) -> dict[str, Any]:
    """`metadata.json` beside the data, or nothing. Raises UserError where it is no JSON object."""
    path = folder / "metadata.json"
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as wrong:
        raise UserError(f"metadata.json: no valid JSON ({wrong}); mend it or leave it out") from wrong
    if not isinstance(document, dict):
        raise UserError("metadata.json: must be a JSON object with target, task, classes, description, licence")
    return document


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_parquet(path: Path, name: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as wrong:
        raise UserError(f"{name}: cannot be read as Parquet ({str(wrong)[:200]})") from wrong


def _read_csv(path: Path, name: str) -> pa.Table:
    import pyarrow as pa

    opener = gzip.open if name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            head = file.readline().decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as wrong:
        raise UserError(f"{name}: cannot be read as UTF-8 text ({str(wrong)[:200]})") from wrong
    if not head.strip():
        raise UserError(f"{name}: is empty; the first line must name the columns")
    try:
        table = _parse_csv(path, max(",;\t|", key=head.count))
    except (pa.ArrowException, OSError) as wrong:
        raise UserError(f"{name}: cannot be read as CSV ({str(wrong)[:300]})") from wrong
    for field_ in table.schema:
        if pa.types.is_binary(field_.type):
            raise UserError(f"{name}: column {field_.name!r} holds bytes that are not UTF-8; save the file as UTF-8")
    return table


def _parse_csv(path: Path, delimiter: str) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    convert: dict[str, Any] = {"null_values": sorted(MISSING_WORDS), "strings_can_be_null": True}
    try:
        return csv.read_csv(path, parse_options=parse, convert_options=csv.ConvertOptions(**convert))
    except pa.ArrowInvalid as wrong:
        if "conversion error" not in str(wrong):
            raise
    # Types are guessed from the first megabyte; a later word in a number column lands here.
    names = csv.open_csv(path, parse_options=parse, convert_options=csv.ConvertOptions(**convert)).schema.names
    text = csv.ConvertOptions(**convert, column_types=dict.fromkeys(names, pa.string()))
    return csv.read_csv(path, parse_options=parse, convert_options=text)


def _check_columns(table: pa.Table, name: str, first: pa.Table | None, sources: list[dict[str, Any]]) -> None:
    names = table.column_names
    double = next((column for column in names if names.count(column) > 1), None)
    if double is not None:
        raise UserError(f"{name}: column {double!r} is there {names.count(double)} times; give each its own name")
    if first is None:
        return
    other = sources[0]["path"]
    for column in first.column_names:
        if column not in names:
            raise UserError(f"{name}: column {column!r} is missing, {other} has it; all objects need the same columns")
    for column in names:
        if column not in first.column_names:
            raise UserError(f"{name}: column {column!r} is not in {other}; all objects need the same columns")


def _alike(chunks: list[pa.ChunkedArray]) -> list[pa.Array]:
    """Columns of several objects in one type: numbers where all are, else text."""
    import pyarrow as pa

    types = {chunk.type for chunk in chunks if not pa.types.is_null(chunk.type)}
    if len(types) > 1:
        numeric = all(pa.types.is_integer(t) or pa.types.is_floating(t) for t in types)
        common = pa.float64() if numeric else pa.string()
    else:
        common = types.pop() if types else pa.float64()
    return [piece for chunk in chunks for piece in chunk.cast(common, safe=False).chunks] or [pa.array([], common)]


def _convert(values: pa.ChunkedArray, name: str, source: str) -> tuple[np.ndarray, str, int]:
    """(values, kind, unreadable entries) of one column."""
    import pyarrow as pa

    kind = values.type
    if pa.types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    if pa.types.is_boolean(kind):
        return _floats(values.cast(pa.uint8())), "boolean", 0
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _floats(values), "number", 0
    if pa.types.is_temporal(kind):
        values, kind = values.cast(pa.string()), pa.string()
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise UserError(f"{source}: column {name!r} has type {kind}; use numbers, text, true/false or dates")
    return _words_or_numbers(values.to_pylist())


def _floats(values: pa.ChunkedArray) -> np.ndarray:
    import pyarrow as pa

    numbers = values.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _words_or_numbers(raw: list[str | None]) -> tuple[np.ndarray, str, int]:
    words = np.empty(len(raw), dtype=object)
    words[:] = [None if word is None or word.strip() in MISSING_WORDS else word.strip() for word in raw]
    present = [word for word in words if word is not None]
    if present and all(word.lower() in BOOLEAN_WORDS for word in set(present)):
        return np.array([np.nan if w is None else BOOLEAN_WORDS[w.lower()] for w in words]), "boolean", 0
    numbers = np.array([_float(word) for word in words])
    readable = int(np.isfinite(numbers).sum())
    if present and readable >= NUMERIC_SHARE * len(present):
        return np.where(np.isfinite(numbers), numbers, np.nan), "number", len(present) - readable
    return words, "category", 0


def _float(word: str | None) -> float:
    try:
        return float(word) if word is not None else np.nan
    except ValueError:
        return np.nan
