"""The CUDA kernels, thread by thread in random order, against the sort. No GPU takes part."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from workloads.pointcloud.cuda import CudaVoxelizer, sums_in_order
from workloads.pointcloud.settings import Grid, Range, VoxelSettings
from workloads.pointcloud.sorting import sort_into_cells
from workloads.pointcloud.voxels import by_sorting

BOX = Range(0.0, 4.0, -2.0, 2.0, -1.0, 1.0)
ARRAYS = ("points", "counts", "coordinates_zyx")
COUNTS = ("points_in_grid", "points_kept", "dropped_full", "dropped_no_voxel")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not there to compile the kernels for the processor")
    spec = importlib.util.spec_from_file_location("cuda_on_cpu", Path(__file__).with_name("cuda_on_cpu.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.Emulator(tmp_path_factory.mktemp("kernels"))


def cloud(seed: int, count: int, columns: int = 4) -> np.ndarray:
    """Random points around the box, every third one on a border of a cell, one NaN."""
    random = np.random.default_rng(seed)
    points = random.uniform(-2.5, 4.5, (count, columns)).astype(np.float32)
    points[::3] = np.round(points[::3] * 4) / 4
    points[count // 2] = np.nan
    return points


@pytest.mark.parametrize(("max_points", "max_voxels", "columns"), [(3, 1000, 4), (2, 20, 5), (64, 60, 3)])
def test_kernels_give_the_bits_of_the_sort_in_any_order_of_threads(emulator, max_points, max_voxels, columns):
    settings = VoxelSettings(BOX, Grid.over(BOX, (0.5, 0.5, 1.0)), max_points, max_voxels)
    voxelizer = CudaVoxelizer(settings, np, emulator.launch)
    for seed in (1, 2):  # the second call meets what the first has left in tables and buffers
        points = cloud(seed, 600, columns)
        ours, theirs = voxelizer(points), by_sorting(points, settings)
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        assert [getattr(ours, name) for name in COUNTS] == [getattr(theirs, name) for name in COUNTS]


def test_each_scan_of_a_batch_is_its_own(emulator):
    settings = VoxelSettings(BOX, Grid.over(BOX, (0.5, 0.5, 1.0)), 3, 40)
    voxelizer = CudaVoxelizer(settings, np, emulator.launch)
    scans = [cloud(3, 300), np.empty((0, 4), np.float32), cloud(4, 150)]
    starts = np.cumsum([0] + [len(scan) for scan in scans])
    batch = voxelizer.batch(np.concatenate(scans), starts)
    for number, scan in enumerate(scans):
        alone = by_sorting(scan, settings)
        used = int(batch.used[number])
        assert used == len(alone.counts)
        np.testing.assert_array_equal(batch.points[number, :used], alone.points)
        np.testing.assert_array_equal(batch.counts[number, :used], alone.counts)
        np.testing.assert_array_equal(batch.coordinates_zyx[number, :used], alone.coordinates_zyx)
        assert batch.homeless[number] == alone.dropped_no_voxel


def test_no_point_gives_no_voxel(emulator):
    settings = VoxelSettings(BOX, Grid.over(BOX, (0.5, 0.5, 1.0)), 3, 40)
    empty = CudaVoxelizer(settings, np, emulator.launch)(np.empty((0, 4), np.float32))
    assert empty.points.shape == (0, 3, 4)
    assert empty.points_in_grid == 0


def test_sums_are_added_in_the_order_of_the_points(emulator):
    points = cloud(5, 400)
    places = sort_into_cells(points, BOX, Grid.over(BOX, (0.5, 0.5, 1.0)))
    chosen = points[places.points]
    sums = sums_in_order(chosen, places, np, emulator.launch)
    for column in range(4):
        expected = np.bincount(places.slot, chosen[:, column].astype(np.float64))
        np.testing.assert_array_equal(sums[:, column], expected)
