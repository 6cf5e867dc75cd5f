"""Point-cloud products of each split, through the same job that prepares scans alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workloads.detection.raw import RawData

FOLDER = "points"
_TOLD = ("scans", "totals", "outputs", "range_m")
"""What the reports keep: the device and the seconds would make equal data differ."""


def check_settings(asked: Mapping[str, Any]) -> None:
    """Raises UserError where `preprocessing.points` makes no sense: before any frame is read."""
    from workloads.pointcloud.outputs import OutputSettings

    OutputSettings.read(asked)


def write_points(raw: RawData, frames: Mapping[str, list[str]], dataset: Path, asked: Mapping[str, Any]
                 ) -> dict[str, Any]:  # fmt: skip
    """`{split}/points/NNNNNN.npz` of every frame; returns {split: what was made}.

    Args:
        frames: names by split; their scans have been checked.
        asked: `preprocessing.points`.
    """
    from workloads.pointcloud.job import process
    from workloads.pointcloud.outputs import OutputSettings

    settings = OutputSettings.read(asked)
    report = {}
    for split, names in frames.items():
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                scan = raw.scan(name)
                os.symlink(os.path.realpath(scan), Path(folder) / scan.name)
            made = process(Path(folder), dataset / split / FOLDER, settings, max_bad_share=0.0)
        report[split] = {name: made[name] for name in _TOLD}
    return report
