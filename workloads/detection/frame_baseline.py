"""What the training frames look like, for drift: `baseline.json`, and one row a sampled frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workloads.contract import write_json
from workloads.detection.dataset_facts import table
from workloads.detection.reading import Measured

SAMPLE_FRAMES = 2000


def write_baseline(dataset: Path, document: Mapping[str, Any], measured: Mapping[str, Measured],
                   about: Mapping[str, Any], seed: int) -> tuple[Path, int]:  # fmt: skip
    """Write `baseline.json` (as tabular data have it, with `about` added) and `baseline/sample.parquet`.

    Args:
        document: the training split; measured: its images, by file name.

    Returns:
        The sample's path and its rows.
    """
    import pyarrow as pa
    from pyarrow import parquet

    from workloads.tabular.quality import baseline
    from workloads.tabular.reading import Table

    columns = table(document, measured)
    numbers = Table(columns, dict.fromkeys(columns, "number"))
    write_json(dataset / "baseline.json", baseline(numbers, None, ()) | dict(about))
    rows = len(document["images"])
    picked = np.sort(np.random.default_rng(seed).permutation(rows)[:SAMPLE_FRAMES])
    names = pa.array([document["images"][place]["file_name"] for place in picked.tolist()])
    sample = dataset / "baseline" / "sample.parquet"
    sample.parent.mkdir(parents=True, exist_ok=True)
    picked_columns = {name: values[picked] for name, values in columns.items()}
    parquet.write_table(pa.table({"file_name": names} | picked_columns), sample)
    return sample, len(picked)
