"""The CUDA kernels, threads in a random order, against the sort. No GPU takes part."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workloads.pointcloud.cuda import SOURCE, CudaVoxelizer, sums_in_order
from workloads.pointcloud.settings import Grid, Range, VoxelSettings
from workloads.pointcloud.sorting import cells_of, sort_into_cells
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


@pytest.mark.parametrize("architecture", ["sm_75", "sm_86", "sm_90"])  # T4, A10G, H100
def test_kernels_compile_for_the_gpus_of_our_machines(architecture, tmp_path):
    compiler = shutil.which("nvcc")
    if compiler is None:
        pytest.skip("nvcc is not there to compile the kernels for a GPU")
    command = [compiler, "-cubin", f"-arch={architecture}", "--std=c++14", "-Werror=all-warnings", SOURCE, "-o"]
    done = subprocess.run([*command, tmp_path / "voxels.cubin"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


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


def test_neighbours_in_one_cell_come_together(emulator):
    """As a scanner goes round: many points of a warp in one cell, cells that are met again, some of them crowded."""
    settings = VoxelSettings(BOX, Grid.over(BOX, (0.25, 0.25, 2.0)), 20, 100)
    turn = np.arange(50_000) * 2e-3  # 1,563 words: a thread of the sum has two
    walk = np.column_stack([2 + 1.9 * np.sin(turn), 1.9 * np.cos(1.1 * turn), np.zeros((50_000, 2))])
    walk[::7, 2] = 5.0  # outside
    points = walk.astype(np.float32)
    ours, theirs = CudaVoxelizer(settings, np, emulator.launch)(points), by_sorting(points, settings)
    assert theirs.dropped_full > 1000
    assert theirs.dropped_no_voxel > 1000
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    assert [getattr(ours, name) for name in COUNTS] == [getattr(theirs, name) for name in COUNTS]


@pytest.mark.parametrize(("origin", "size", "count"), [(-39.68, 0.16, 496), (0.1, 0.05, 1400), (-987.3, 1 / 3, 6000)])
def test_cell_beside_each_border_is_that_of_float64(emulator, origin, size, count):
    box = Range(origin, origin + count * size, -1.0, 1.0, -1.0, 1.0)
    settings = VoxelSettings(box, Grid((origin, -1.0, -1.0), (size, 2.0, 2.0), (count, 1, 1)), 1, 10)
    borders = (origin + size * np.arange(count + 1)).astype(np.float32)
    beside = [borders, np.nextafter(borders, np.float32(-1e9)), np.nextafter(borders, np.float32(1e9)), borders + 1e-3]
    points = np.zeros((4 * len(borders), 4), np.float32)
    points[:, 0] = np.concatenate(beside)
    batch = CudaVoxelizer(settings, np, emulator.launch).batch(points, np.array([0, len(points)]))
    np.testing.assert_array_equal(batch.cell_of_point, cells_of(points, box, settings.grid))


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
