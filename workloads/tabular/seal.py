"""The seal of a prepared dataset: hashes of files and rows, and the proof that nothing leaked."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from workloads.tabular.cleaning import fingerprints
from workloads.tabular.reading import Table, sha256

TRAIN_HASHES = "train_row_hashes.npy"


def entry(path: Path, rows: int | None = None) -> dict[str, Any]:
    """One file's line in a manifest."""
    return {"sha256": sha256(path), "bytes": path.stat().st_size} | ({} if rows is None else {"rows": rows})


def rows_digest(hashes: np.ndarray) -> str:
    """One SHA-256 for a set of row hashes, whatever their order."""
    return hashlib.sha256(np.sort(hashes.astype("<u8")).tobytes()).hexdigest()


def write_train_hashes(folder: Path, train: np.ndarray, validation: np.ndarray) -> None:
    """All rows a model has seen: those it was fitted on and those that stopped or chose it."""
    np.save(folder / TRAIN_HASHES, np.sort(np.concatenate([train, validation]).astype("<u8")), allow_pickle=False)


def broken(manifest: dict[str, Any], test_folder: Path, raw: Table, model_folder: Path) -> list[str]:
    """Every reason why a test on these rows would prove nothing; empty when the seal is intact.

    Args:
        manifest: as `prepare` wrote it.
        test_folder: the test split as it was mounted; holds data.parquet and raw.parquet.
        raw: the contents of raw.parquet.
        model_folder: the unpacked training product, with the hashes of the rows the model has seen.
    """
    reasons = []
    for name in ("data.parquet", "raw.parquet"):
        expected = manifest["files"].get(f"test/{name}", {}).get("sha256")
        if expected != sha256(test_folder / name):
            reasons.append(f"test/{name} is not the file that prepare wrote")
    hashes = fingerprints(raw, manifest["row_hash_columns"])
    seen_file = model_folder / TRAIN_HASHES
    if not seen_file.exists():
        return [*reasons, "the model does not say which rows it was trained on"]
    seen = np.load(seen_file, allow_pickle=False)
    shared = int(np.isin(hashes, seen).sum())
    if shared:
        reasons.append(f"{shared} of {len(hashes)} test rows were seen in training")
    if rows_digest(seen) != manifest["row_hashes_sha256"]["seen"]:
        reasons.append("the model was trained on other rows than those of this dataset version")
    return reasons
