"""Tables on disk: Parquet with the same bytes for the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workloads.tabular.features import FeaturePlan
from workloads.tabular.reading import Table

ROW_ID, ROW_HASH, TARGET = "row_id", "row_hash", "target"


@dataclass(frozen=True)
class Split:
    """One encoded split: `features` (n, d) float32, `target` (n,) int64 codes or float64, or None."""

    features: np.ndarray
    target: np.ndarray | None
    row_id: np.ndarray
    row_hash: np.ndarray


def write_split(path: Path, split: Split, plan: FeaturePlan) -> None:
    """Columns f0..f{d-1}, then `target`, `row_id` and `row_hash`; the names of f0.. are the plan's outputs.

    Raw names are free text and may be called `target`; positions cannot clash.
    """
    columns = {f"f{place}": split.features[:, place] for place in range(len(plan.outputs))}
    if split.target is not None:
        columns[TARGET] = split.target
    write_columns(path, columns | {ROW_ID: split.row_id, ROW_HASH: split.row_hash})


def read_split(path: Path) -> Split:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    width = sum(name not in (TARGET, ROW_ID, ROW_HASH) for name in table.column_names)
    features = np.empty((table.num_rows, width), dtype=np.float32)
    for place in range(width):
        features[:, place] = table[f"f{place}"].to_numpy()
    target = table[TARGET].to_numpy() if TARGET in table.column_names else None
    return Split(features, target, table[ROW_ID].to_numpy(), table[ROW_HASH].to_numpy())


def write_raw(path: Path, table: Table, row_id: np.ndarray | None = None) -> None:
    """Rows in raw units, as they were read; missing values are nulls, true/false stay 0 and 1."""
    write_columns(path, dict(table.columns) | ({} if row_id is None else {_row_id_name(table): row_id}))


def read_raw(path: Path, kinds: dict[str, str]) -> Table:
    """What `write_raw` wrote, without row ids. `kinds` is the manifest's `kinds`."""
    import pyarrow.parquet as pq

    stored = pq.read_table(path)
    columns = {}
    for name, kind in kinds.items():
        if kind == "category":
            columns[name] = np.empty(stored.num_rows, dtype=object)
            columns[name][:] = stored[name].to_pylist()
        else:
            columns[name] = stored[name].to_numpy().astype(np.float64)
    return Table(columns, kinds)


def write_columns(path: Path, columns: dict[str, np.ndarray]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: pa.array(v, pa.string()) if v.dtype == object else pa.array(v, from_pandas=True)
              for name, v in columns.items()}  # fmt: skip
    pq.write_table(pa.table(arrays), path, compression="zstd")


def _row_id_name(table: Table) -> str:
    """`row_id`, unless the data set has a column of that name."""
    name = ROW_ID
    while name in table.columns:
        name = f"_{name}"
    return name
