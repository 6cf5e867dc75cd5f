"""What a file of points holds, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from workloads.kitti.mistakes import BadFile

INTENSITY_NAMES = ("intensity", "i", "reflectance", "reflectivity", "remission", "scalar_intensity")
"""Names under which tools store how strongly a point reflects, in small letters."""


@dataclass(frozen=True)
class PointCloud:
    """n points in the frame of the file, metres."""

    points: np.ndarray
    """(n, 4) float32 x, y, z, intensity (0 where the file has none)."""
    format: str
    """`bin`, `pcd ascii`, `pcd binary`, `pcd binary_compressed`, `ply ascii`, `ply binary_little_endian`, ..."""
    columns: Mapping[str, str]
    """Every field of the file in its order, and its type as the file says it."""
    fields: Mapping[str, np.ndarray] = field(default_factory=dict)
    """The other fields, (n,) or (n, count), in the types of the file."""
    intensity: str | None = None
    """The name of the field that gave the intensity."""
    header: Any = None
    """What the header says, as it is written."""
    not_finite: int = 0
    """Points of the file with NaN or infinity in x, y, z or intensity."""
    dropped: int = 0
    """Those of them that are not in `points`."""

    def without_not_finite(self, path: Path) -> PointCloud:
        """Raises BadFile when no point is left."""
        if self.not_finite == self.dropped:
            return self
        finite = np.isfinite(self.points).all(axis=1)
        lost = int(len(finite) - finite.sum())
        if lost == len(finite):
            raise BadFile(path, f"all {lost:,} points hold NaN or infinity")
        kept = {name: values[finite] for name, values in self.fields.items()}
        return replace(self, points=self.points[finite], fields=kept, dropped=self.dropped + lost)


def from_fields(fields: Mapping[str, np.ndarray], path: Path, **facts: Any) -> PointCloud:
    """A cloud out of named columns, each (n,) or (n, count).

    Raises:
        BadFile: x, y or z is missing or no single number, or there is no point.
    """
    from workloads.pointcloud.filter_kernel import INFINITE, largest_magnitude

    by_name = {name.lower(): name for name in reversed(list(fields))}
    for axis in "xyz":
        if axis not in by_name:
            raise BadFile(path, f"has no field {axis} (fields: {', '.join(fields) or 'none'}); it is no point cloud")
        if fields[by_name[axis]].ndim != 1:
            raise BadFile(path, f"gives {fields[by_name[axis]].shape[1]} numbers a point; one is needed", field=axis)
    count = len(fields[by_name["x"]])
    if not count:
        raise BadFile(path, "holds no point")
    source = next((by_name[name] for name in INTENSITY_NAMES if name in by_name), None)
    points = np.zeros((count, 4), np.float32)
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, and is counted as such
        for column, axis in enumerate("xyz"):
            points[:, column] = fields[by_name[axis]]
        if source is not None:  # of several intensities the first; all of them stay in `fields`
            points[:, 3] = fields[source] if fields[source].ndim == 1 else fields[source][:, 0]
    used = {by_name[axis] for axis in "xyz"} | ({source} if source and fields[source].ndim == 1 else set())
    others = {name: values for name, values in fields.items() if name not in used}
    wrong = 0
    if largest_magnitude(points.reshape(-1).view(np.int32)) >= INFINITE:
        wrong = int(len(points) - np.isfinite(points).all(axis=1).sum())
    return PointCloud(points, fields=others, intensity=source, not_finite=wrong, **facts)
