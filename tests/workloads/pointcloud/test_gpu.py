"""What the processor computes, the GPU computes too. Skipped where CuPy finds none."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.arrays import Device, device, to_host
from workloads.kitti import geometry
from workloads.pointcloud import job
from workloads.pointcloud.cuda import MOST_KEYS, CudaVoxelizer
from workloads.pointcloud.means import mean_voxels
from workloads.pointcloud.outputs import OutputSettings
from workloads.pointcloud.pillars import pillar_features
from workloads.pointcloud.settings import FR_034, PILLARS, VOXELS, Grid, Range, VoxelSettings
from workloads.pointcloud.voxels import by_sorting

WHERE = device()
pytestmark = pytest.mark.skipif(not WHERE.is_gpu, reason=WHERE.reason)
BOX = Range(0.0, 8.0, -4.0, 4.0, -3.0, 1.0)


def scan(seed: int, count: int = 30_000, columns: int = 4) -> np.ndarray:
    """Random points around the box, every third one on a border of a cell, one NaN."""
    points = np.random.default_rng(seed).uniform(-5.0, 9.0, (count, columns)).astype(np.float32)
    points[::3] = np.round(points[::3] * 8) / 8
    points[count // 2] = np.nan
    return points


@pytest.mark.parametrize(
    "settings",
    [
        VoxelSettings(BOX, Grid.over(BOX, (0.5, 0.5, 1.0)), 5, 20_000),
        VoxelSettings(BOX, Grid.over(BOX, (0.05, 0.05, 0.1)), 3, 4_000),
        VoxelSettings(BOX, Grid.over(BOX, (0.3, 0.7, 4.0)), 64, 200),
        VoxelSettings(FR_034, VOXELS.grid, VOXELS.max_points, VOXELS.max_voxels),
    ],
)
@pytest.mark.parametrize("columns", [3, 4, 5])
def test_kernels_give_the_voxels_of_the_sort_bit_for_bit(settings, columns):
    ours = CudaVoxelizer.tried(settings)
    assert ours is not None
    scans = [
        scan(1, columns=columns),
        np.empty((0, columns), np.float32),
        scan(2, 77, columns),
        scan(3, 9_001, columns),
    ]
    scans = scans[: MOST_KEYS // settings.grid.cells]
    starts = np.cumsum([0] + [len(points) for points in scans])
    for _ in range(3):  # tables and buffers are kept from call to call
        batch = ours.batch(WHERE.xp.asarray(np.concatenate(scans)), starts)
        for number, points in enumerate(scans):
            alone, used = by_sorting(points, settings), int(batch.used[number])
            assert used == len(alone.counts)
            np.testing.assert_array_equal(to_host(batch.points[number, :used]), alone.points)
            np.testing.assert_array_equal(to_host(batch.counts[number, :used]), alone.counts)
            np.testing.assert_array_equal(to_host(batch.coordinates_zyx[number, :used]), alone.coordinates_zyx)
            assert int(batch.homeless[number]) == alone.dropped_no_voxel


def test_the_whole_job_writes_the_same_arrays(tmp_path):
    folder = tmp_path / "raw" / "velodyne"
    folder.mkdir(parents=True)
    for number in range(7):
        (folder / f"{number:06}.bin").write_bytes(scan(number, 20_000 - 999 * number).tobytes())
    reports = {}
    for name, where in (("gpu", WHERE), ("cpu", Device(np, "cpu", "asked for"))):
        reports[name] = job.process(tmp_path / "raw", tmp_path / name, OutputSettings.read(None), where=where)
    assert reports["gpu"]["device"] == WHERE.name
    assert reports["gpu"]["totals"] == reports["cpu"]["totals"]
    for number in range(7):
        gpu, cpu = (dict(np.load(tmp_path / name / f"{number:06}.npz")) for name in reports)
        assert gpu.keys() == cpu.keys()
        for name, array in cpu.items():
            np.testing.assert_array_equal(gpu[name], array, err_msg=name)


def test_means_and_features_are_the_same_bits():
    points = scan(5)
    ours, theirs = (mean_voxels(side, BOX, PILLARS.grid) for side in (WHERE.xp.asarray(points), points))
    for name in ("means", "counts", "coordinates_zyx", "voxel_of_point"):
        np.testing.assert_array_equal(to_host(getattr(ours, name)), getattr(theirs, name), err_msg=name)
    settings = VoxelSettings(BOX, Grid.over(BOX, (0.5, 0.5, 4.0)), 20, 500)
    pillars = by_sorting(points, settings)
    arrays = (pillars.points, pillars.counts, pillars.coordinates_zyx)
    features = pillar_features(*(WHERE.xp.asarray(array) for array in arrays), settings.grid)
    np.testing.assert_array_equal(to_host(features), pillar_features(*arrays, settings.grid))


def test_frames_of_camera_and_scanner():
    """To the rounding of a product of matrices: cuBLAS adds in another order."""
    random = np.random.default_rng(0)
    points = random.uniform(-40, 40, (500, 3))
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    to_camera = np.hstack([turn, random.normal(size=(3, 1))])
    projection = np.array([[700.0, 0, 600, 40], [0, 700.0, 180, 0.3], [0, 0, 1, 0.003]])
    boxes = np.column_stack([random.uniform(1, 40, (20, 6)), random.uniform(-3, 3, 20)])
    on_gpu = WHERE.xp.asarray
    for function, *arrays in (
        (geometry.to_camera, points, to_camera), (geometry.to_lidar, points, to_camera),
        (geometry.to_image, points, projection), (geometry.boxes_to_lidar, boxes, to_camera),
        (geometry.boxes_to_camera, boxes, to_camera),
    ):  # fmt: skip
        ours = to_host(function(*(on_gpu(array) for array in arrays)))
        np.testing.assert_allclose(ours, function(*arrays), rtol=1e-9, atol=1e-9, err_msg=function.__name__)
    seen = geometry.in_view(on_gpu(points), on_gpu(projection), 1242, 375)
    np.testing.assert_array_equal(to_host(seen), geometry.in_view(points, projection, 1242, 375))
