"""Any file of points: the format by its first bytes, then by its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workloads.kitti.mistakes import BadFile
from workloads.pointcloud.cloud import PointCloud
from workloads.pointcloud.pcd_file import read_pcd
from workloads.pointcloud.ply_file import read_ply
from workloads.pointcloud.scan_file import read_scan_file

SUFFIXES = (".bin", ".pcd", ".ply")
_PICTURES = {b"\x89PNG": "a PNG image", b"\xff\xd8\xff": "a JPEG image", b"PK\x03\x04": "a ZIP archive",
             b"\x1f\x8b": "gzip data", b"%PDF": "a PDF", b"\x93NUM": "a NumPy array"}  # fmt: skip


def read_cloud(path: Path, names: Sequence[str] = (), *, keep_not_finite: bool = False) -> PointCloud:
    """Read .bin, .pcd or .ply. Points with NaN or infinity are dropped, and counted in `dropped`, unless kept.

    Args:
        names: the columns of a headerless .bin; by default x y z intensity (.pcd.bin: and ring).

    Raises:
        BadFile: the file cannot be read, is of another kind, cut, empty, or its header lies; says where.
    """
    lower = path.name.lower()
    if not lower.endswith(SUFFIXES):
        raise BadFile(path, f"the name ends in none of {', '.join(SUFFIXES)}; these formats are read")
    if lower.endswith(".bin"):
        _refuse_other_kinds(path)
        cloud = read_scan_file(path, names)
    else:
        if names:
            raise BadFile(path, "says itself which fields it has; columns are named for .bin files only")
        try:
            content = np.fromfile(path, np.uint8)
        except OSError as wrong:
            raise BadFile(path, f"cannot be read: {wrong.strerror}") from wrong
        if not len(content):
            raise BadFile(path, "is empty (0 bytes)")
        cloud = read_pcd(path, content) if lower.endswith(".pcd") else read_ply(path, content)
    return cloud if keep_not_finite else cloud.without_not_finite(path)


def _refuse_other_kinds(path: Path) -> None:
    """A .bin has no mark of its own, but others have."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as wrong:
        raise BadFile(path, f"cannot be read: {wrong.strerror}") from wrong
    kind = next((kind for mark, kind in _PICTURES.items() if start.startswith(mark)), None)
    if start.startswith(b"ply\n") or start.startswith(b"# .PCD"):
        kind = f"a {'PLY' if start.startswith(b'ply') else 'PCD'} file; name it so"
    if kind:
        raise BadFile(path, f"is {kind}, not a scan of float32 numbers")
