"""Point clouds at hand: `python -m workloads.pointcloud info FILE` and `... voxelize FILE`, each with `--json`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workloads.command_line import leave, take_negative_numbers
from workloads.contract import UserError
from workloads.pointcloud import description
from workloads.pointcloud.files import read_cloud
from workloads.pointcloud.filtering import count_in_range
from workloads.pointcloud.means import MeanVoxelizer
from workloads.pointcloud.outputs import OutputSettings
from workloads.pointcloud.pillars import pillar_features
from workloads.pointcloud.settings import FR_034, Range
from workloads.pointcloud.voxels import voxelize

_OPTIONS = {"range_m": "--range", "grid_m": "--grid", "voxel_size_m": "--voxel", "max_points": "--max-points",
            "max_voxels": "--max-voxels"}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 2 bad input (one line on stderr)."""
    chosen = _parser().parse_args(arguments)
    try:
        facts = chosen.run(chosen)
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    print(json.dumps(facts, indent=2) if chosen.json else _text(facts))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workloads.pointcloud", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    info = commands.add_parser("info", help="format, fields, bounds, points in range")
    info.set_defaults(run=_info)
    cut = commands.add_parser("voxelize", help="pillars (default), voxels, or means of cells")
    cut.set_defaults(run=_voxelize)
    for command in (info, cut):
        take_negative_numbers(command)
        command.add_argument("file", type=Path, help=".bin, .pcd or .ply")
        command.add_argument("--json", action="store_true", help="print JSON")
        command.add_argument("--fields", help="columns of a .bin, e.g. x,y,z,intensity,ring")
        command.add_argument("--range", nargs=6, type=float, metavar=("X0", "X1", "Y0", "Y1", "Z0", "Z1"),
                             help="closed range of points in metres; default 0 70 -40 40 -3 1 (FR-034)")  # fmt: skip
    kind = cut.add_mutually_exclusive_group()
    kind.add_argument("--pillars", action="store_true", help="cells of 0.16 m, as high as the grid; the default")
    kind.add_argument("--voxels", action="store_true", help="cells of 0.05 x 0.05 x 0.1 m")
    kind.add_argument("--dynamic", action="store_true", help="mean of every cell, no limits; cells as for voxels")
    cut.add_argument("--grid", nargs=6, type=float, metavar=("X0", "X1", "Y0", "Y1", "Z0", "Z1"),
                     help="box the cells are counted in; default: the range, rounded up to whole cells (without range "
                     "and size: PointPillars' 0 69.12 -39.68 39.68 -3 1, voxels 0 70.4 -40 40 -3 1)")  # fmt: skip
    cut.add_argument(
        "--voxel",
        nargs=3,
        type=float,
        metavar=("X", "Y", "Z"),
        help="size of a cell in metres; pillars: z is that of the grid",
    )
    cut.add_argument("--max-points", type=int, help="points kept in a cell (32; voxels 5)")
    cut.add_argument("--max-voxels", type=int, help="cells kept (40000)")
    cut.add_argument("--out", type=Path, help="write the arrays as .npz")
    return parser


def _info(chosen: argparse.Namespace) -> dict[str, Any]:
    box = FR_034 if chosen.range is None else Range.of(chosen.range, "--range")
    cloud = read_cloud(chosen.file, _names(chosen.fields), keep_not_finite=True)
    return description.describe(chosen.file, cloud, box)


def _voxelize(chosen: argparse.Namespace) -> dict[str, Any]:
    kind = "voxels" if chosen.voxels or chosen.dynamic else "pillars"
    for option in ("max_points", "max_voxels"):
        if chosen.dynamic and getattr(chosen, option) is not None:
            raise UserError(f"--{option.replace('_', '-')}: has no effect with --dynamic, which keeps every point of "
                            "every cell; leave one of them out")  # fmt: skip
    asked = {"outputs": [kind], "range_m": chosen.range, "grid_m": chosen.grid, "voxel_size_m": chosen.voxel,
             "max_points": chosen.max_points, "max_voxels": chosen.max_voxels}  # fmt: skip
    try:
        read = OutputSettings.read(asked)
    except UserError as mistake:  # which names the field of an issue
        setting, _, reason = str(mistake).removeprefix("preprocessing.points.").partition(":")
        raise UserError(f"{_OPTIONS.get(setting, setting)}:{reason}") from mistake
    settings = read.voxels or read.pillars
    assert settings is not None
    cloud = read_cloud(chosen.file, _names(chosen.fields))
    facts: dict[str, Any] = {
        "file": chosen.file.name, "format": cloud.format, "points": len(cloud.points) + cloud.dropped,
        "not_finite_dropped": cloud.dropped, "points_in_range": count_in_range(cloud.points, settings.points_m),
    }  # fmt: skip
    if chosen.dynamic:
        means = MeanVoxelizer(settings.points_m, settings.grid)(cloud.points)
        facts |= description.describe_means(settings.points_m, settings.grid, means)
        arrays = {"means": means.means, "counts": means.counts, "coordinates_zyx": means.coordinates_zyx,
                  "voxel_of_point": means.voxel_of_point}  # fmt: skip
    else:
        found = voxelize(cloud.points, settings)
        all_points = MeanVoxelizer(settings.points_m, settings.grid)(cloud.points).counts
        facts |= description.describe_voxels(settings, found, kind)
        facts |= {"cells_with_points": len(all_points), "max_points_in_cell": int(all_points.max(initial=0))}
        arrays = {kind: found.points, "counts": found.counts, "coordinates_zyx": found.coordinates_zyx}
        if kind == "pillars" and chosen.out:
            arrays["features"] = pillar_features(found.points, found.counts, found.coordinates_zyx, settings.grid)
    if kind == "pillars" and chosen.voxel and chosen.voxel[2] != settings.grid.cell_m[2]:
        facts["note"] = (f"a pillar is as high as the grid: {settings.grid.cell_m[2]:g} m, not the "
                         f"{chosen.voxel[2]:g} m of --voxel; --voxels cuts z too")  # fmt: skip
    if chosen.out:
        facts["out"] = str(_write(chosen.out, arrays))
    return facts


def _write(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    if path.suffix != ".npz":
        raise UserError(f"--out {path}: the name must end in .npz")
    try:
        np.savez(path, **arrays)  # type: ignore[arg-type]
    except OSError as wrong:
        raise UserError(f"--out {path}: cannot be written: {wrong.strerror}") from wrong
    return path


def _names(text: str | None) -> tuple[str, ...]:
    return () if text is None else tuple(name.strip() for name in text.split(","))


def _text(facts: dict[str, Any]) -> str:
    return "\n".join(f"{name:<24}{value}" for name, value in facts.items())


if __name__ == "__main__":
    leave(main)
