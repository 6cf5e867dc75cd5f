"""A file of points in figures, and the voxels it gives."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from workloads.pointcloud.cloud import PointCloud
from workloads.pointcloud.filtering import count_in_range
from workloads.pointcloud.means import Means
from workloads.pointcloud.settings import Range, VoxelSettings
from workloads.pointcloud.voxels import Voxels

DIGITS = 6


def describe(path: Path, cloud: PointCloud, box: Range) -> dict[str, Any]:
    """What `info` says. Bounds and means are those of the finite points; `cloud` still holds the others."""
    finite = np.isfinite(cloud.points).all(axis=1)
    points = cloud.points[finite].astype(np.float64)
    facts: dict[str, Any] = {
        "file": path.name, "bytes": path.stat().st_size, "format": cloud.format, "points": len(cloud.points),
        "fields": dict(cloud.columns), "intensity": cloud.intensity, "not_finite": cloud.not_finite,
        "range_m": list(box.numbers), "points_in_range": count_in_range(cloud.points[finite], box),
        "bounds": None, "mean": None, "resolution_m": None,
    }  # fmt: skip
    if len(points):
        names = ("x", "y", "z", "intensity")
        low, high, mean = points.min(axis=0), points.max(axis=0), points.mean(axis=0)
        facts["bounds"] = {name: [_number(low[c]), _number(high[c])] for c, name in enumerate(names)}
        facts["mean"] = {name: _number(mean[c]) for c, name in enumerate(names)}
        facts["resolution_m"] = float(np.spacing(np.float32(np.abs(points[:, :3]).max())))
    if cloud.header is not None:
        facts["header"] = cloud.header
    return facts


def describe_voxels(settings: VoxelSettings, found: Voxels, kind: str) -> dict[str, Any]:
    """What `voxelize` says of hard voxels."""
    layers = settings.grid.shape[2] if kind == "voxels" else 1
    columns = settings.grid.shape[0] * settings.grid.shape[1]
    return settings_of(settings.points_m, settings.grid) | {
        "kind": kind, "max_points": settings.max_points, "max_voxels": settings.max_voxels,
        "points_in_grid": found.points_in_grid,
        "voxels": len(found.counts), "points_kept": found.points_kept,
        "points_dropped_full": found.dropped_full, "points_dropped_no_voxel": found.dropped_no_voxel,
        "max_points_in_voxel": int(found.counts.max(initial=0)),
        "mean_points_in_voxel": _number(found.counts.mean()) if len(found.counts) else 0.0,
        "occupancy": len(found.counts) / (columns * layers),
        "sha256": digest(found.points, found.counts, found.coordinates_zyx),
    }  # fmt: skip


def describe_means(box: Range, grid: Any, found: Means) -> dict[str, Any]:
    """What `voxelize --dynamic` says."""
    inside = int((found.voxel_of_point >= 0).sum())
    return settings_of(box, grid) | {
        "kind": "dynamic", "points_in_grid": inside, "voxels": len(found.counts), "points_kept": inside,
        "points_dropped_full": 0, "points_dropped_no_voxel": 0,
        "max_points_in_voxel": int(found.counts.max(initial=0)),
        "mean_points_in_voxel": _number(found.counts.mean()) if len(found.counts) else 0.0,
        "occupancy": len(found.counts) / grid.cells,
        "sha256": digest(found.means, found.counts, found.coordinates_zyx, found.voxel_of_point),
    }  # fmt: skip


def settings_of(box: Range, grid: Any) -> dict[str, Any]:
    return {
        "range_m": list(box.numbers), "grid_origin_m": list(grid.origin_m), "voxel_size_m": list(grid.cell_m),
        "grid_shape": list(grid.shape),
    }  # fmt: skip


def digest(*arrays: np.ndarray) -> str:
    """SHA-256 of the arrays' little-endian bytes, one after another in C order."""
    sum_ = hashlib.sha256()
    for array in arrays:
        sum_.update(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).data)
    return sum_.hexdigest()


def _number(value: float) -> float:
    return round(float(value), DIGITS)
