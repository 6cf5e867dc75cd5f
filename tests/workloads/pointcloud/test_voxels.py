"""Hard and dynamic voxels: by hand, against the sort, and in every run the same."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.pointcloud import voxels as voxels_module
from workloads.pointcloud.filtering import count_in_range, filter_range, inside_range
from workloads.pointcloud.means import MeanVoxelizer, mean_voxels, means_by_sorting
from workloads.pointcloud.settings import FR_034, PILLARS, Grid, Range, VoxelSettings
from workloads.pointcloud.voxels import Voxelizer, by_sorting, voxelize

FIXTURE = Path(__file__).parents[4] / "shared" / "data" / "kitti_object"
BOX = Range(0.0, 4.0, -2.0, 2.0, -1.0, 1.0)
ARRAYS = ("points", "counts", "coordinates_zyx")
COUNTS = ("points_in_grid", "points_kept", "dropped_full", "dropped_no_voxel")


def cloud(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


def random_cloud(seed: int, count: int, columns: int = 4) -> np.ndarray:
    """Half of them on the borders of cells of 0.25 m, some NaN and infinite."""
    random = np.random.default_rng(seed)
    points = random.uniform(-2.5, 4.5, (count, columns)).astype(np.float32)
    points[::2] = np.round(points[::2] * 4) / 4
    points[5::50, 0], points[6::50, 2] = np.nan, np.inf
    return points


def sweeps(seed: int, count: int) -> np.ndarray:
    """Beams that stay in a cell for a while, or jump; every third point on a border of cells of 0.25 m."""
    random = np.random.default_rng(seed)
    pace = random.choice([0.002, 0.1, 1.0], (count, 1))
    points = (np.cumsum(random.normal(0, pace, (count, 4)), axis=0) % 5 - [0.5, 2.5, 1.5, 0]).astype(np.float32)
    points[::3] = np.round(points[::3] * 4) / 4
    return points


def same(one, other) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert [getattr(one, name) for name in COUNTS] == [getattr(other, name) for name in COUNTS]


def test_first_come_first_kept_in_the_order_of_the_cloud():
    """Cells of 1 m, two points each, two voxels. The third point of a cell and the third cell are dropped."""
    points = cloud((2.5, 0, 0, 1), (0.5, 0, 0, 2), (2.6, 0, 0, 3), (3.5, 0, 0, 4), (2.7, 0, 0, 5), (0.6, 0, 0, 6))
    found = voxelize(points, VoxelSettings(BOX, Grid.over(BOX, (1, 1, 2)), 2, 2))
    np.testing.assert_array_equal(found.coordinates_zyx, [[0, 2, 2], [0, 2, 0]])
    np.testing.assert_array_equal(found.counts, [2, 2])
    np.testing.assert_array_equal(found.points[:, :, 3], [[1, 3], [2, 6]])
    assert (found.points_kept, found.dropped_full, found.dropped_no_voxel) == (4, 1, 1)


def test_scan_in_parts_gives_the_same_bits_and_one_that_breaks_leaves_nothing_behind():
    chosen = VoxelSettings(BOX, Grid.over(BOX, (0.25, 0.25, 0.5)), 3, 200)
    voxelizer, points = Voxelizer(chosen), random_cloud(4, 3000)

    def broken():
        yield points[:700]
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        voxelizer.of_parts(broken(), 3000)
    same(voxelizer.of_parts([points[:700], points[700:701], points[701:]], 3000), by_sorting(points, chosen))


def test_places_without_a_point_are_zero_even_after_a_fuller_scan():
    voxelizer = Voxelizer(VoxelSettings(BOX, Grid.over(BOX, (1, 1, 2)), 12, 5))
    voxelizer(np.full((10, 4), 0.5, np.float32))
    found = voxelizer(cloud((0.5, 0.5, 0.5, 0.5)))
    np.testing.assert_array_equal(found.counts, [1])
    assert found.points.sum() == 2.0


def test_range_holds_its_faces_and_the_grid_its_lower_ones():
    """x = 4 is in the range, and beyond the last of the four cells [0, 4)."""
    points = cloud((0, -2, -1, 0), (4, 0, 0, 0), (3.99, 2, 0, 0), (np.nextafter(np.float32(4), np.float32(5)), 0, 0, 0))
    found = voxelize(points, VoxelSettings(BOX, Grid.over(BOX, (1, 1, 2)), 2, 9))
    assert (count_in_range(points, BOX), found.points_in_grid) == (3, 1)


def test_cell_is_the_floor_of_the_float64_quotient():
    """float32(0.16) is a little below 0.16, so that point is in cell 0; float32 arithmetic would say 1."""
    points = cloud((0.16, 0, 0, 0), (0.32, 0, 0, 0), (0.48, 0, 0, 0))
    found = voxelize(points, PILLARS)
    expected = np.floor(points[:, 0].astype(np.float64) / 0.16)
    np.testing.assert_array_equal(np.sort(found.coordinates_zyx[:, 2]), np.unique(expected))
    assert expected[0] == 0


@given(
    seed=st.integers(0, 2**32 - 1), count=st.integers(0, 400), max_points=st.sampled_from([1, 3, 8, 9, 40]),
    max_voxels=st.sampled_from([1, 17, 1000]), size=st.sampled_from([(0.25, 0.25, 2.0), (0.3, 0.7, 0.4), (9, 9, 9)]),
    columns=st.sampled_from([3, 4, 6]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_kernel_gives_the_bits_of_the_sort(seed, count, max_points, max_voxels, size, columns):
    chosen = VoxelSettings(BOX, Grid.over(BOX, size), max_points, max_voxels)
    voxelizer = Voxelizer(chosen)
    for scan in (random_cloud(seed, count, columns), random_cloud(seed + 1, count // 2, columns)):
        same(voxelizer(scan), by_sorting(scan, chosen))


@given(
    seed=st.integers(0, 2**32 - 1), count=st.integers(1, 2500), max_points=st.sampled_from([1, 5, 32]),
    max_voxels=st.sampled_from([40, 5000]), size=st.sampled_from([(0.25, 0.25, 2.0), (0.05, 0.05, 0.1), (1, 1, 0.5)]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_points_that_follow_each_other_in_a_cell_give_the_bits_of_the_sort(seed, count, max_points, max_voxels, size):
    """Also where a run crosses the kernel's blocks, fills its voxel in the middle, or comes back to it."""
    chosen = VoxelSettings(BOX, Grid.over(BOX, size), max_points, max_voxels)
    voxelizer = Voxelizer(chosen)
    for scan in (sweeps(seed, count), sweeps(seed + 1, count // 2 + 1)):
        same(voxelizer(scan), by_sorting(scan, chosen))


@given(
    seed=st.integers(0, 2**32 - 1), count=st.integers(0, 2500), size=st.sampled_from([(0.25, 0.5, 2.0), (0.3, 1, 1)]),
    scan_of=st.sampled_from([random_cloud, sweeps]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_means_of_kernel_and_sort_are_the_same_bits(seed, count, size, scan_of):
    voxelizer, grid = MeanVoxelizer(BOX, Grid.over(BOX, size)), Grid.over(BOX, size)
    for scan in (scan_of(seed, count), scan_of(seed + 1, count // 2)):
        one, other = voxelizer(scan), means_by_sorting(scan, BOX, grid)
        for name in ("means", "counts", "coordinates_zyx", "voxel_of_point"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_mean_of_a_cell_and_the_way_from_point_to_cell():
    points = cloud((3.5, 0, 0, 1), (0.25, 1, 0, 2), (9, 0, 0, 3), (0.75, 1, 0, 4))
    found = mean_voxels(points, BOX, Grid.over(BOX, (1, 1, 2)))
    np.testing.assert_array_equal(found.voxel_of_point, [0, 1, -1, 1])
    np.testing.assert_array_equal(found.means, [[3.5, 0, 0, 1], [0.5, 1, 0, 3]])
    np.testing.assert_array_equal(found.counts, [1, 2])


def test_grid_too_large_for_a_table_is_sorted(monkeypatch):
    chosen = VoxelSettings(BOX, Grid.over(BOX, (0.25, 0.25, 0.5)), 3, 50)
    expected = voxelize(random_cloud(0, 500), chosen)
    monkeypatch.setattr(voxels_module, "LARGEST_DENSE_GRID", 10)
    same(voxelize(random_cloud(0, 500), chosen), expected)


def test_ten_runs_and_a_cloud_that_is_not_contiguous_give_the_same_bytes():
    points = random_cloud(3, 3000)
    wide = np.zeros((3000, 8), np.float32)
    wide[:, ::2] = points
    voxelizer = Voxelizer(VoxelSettings(BOX, Grid.over(BOX, (0.2, 0.2, 0.5)), 4, 200))
    digests = set()
    for run in range(10):
        found = voxelizer(points if run % 2 else wide[:, ::2])
        digests.add(hashlib.sha256(b"".join(getattr(found, name).tobytes() for name in ARRAYS)).hexdigest())
    assert len(digests) == 1


def test_results_of_a_kept_buffer_cannot_be_written_to():
    """A place that somebody wrote to would not be cleared for the next scan."""
    found = Voxelizer(VoxelSettings(BOX, Grid.over(BOX, (1, 1, 2)), 2, 5))(random_cloud(0, 50))
    with pytest.raises(ValueError, match="read-only"):
        found.points[0, 0, 0] = 1


def test_points_of_another_type_are_a_defect_of_the_caller():
    with pytest.raises(ValueError, match="float64"):
        voxelize(np.zeros((3, 4)), PILLARS)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 5000))
@settings(max_examples=20, deadline=None)
def test_filter_keeps_what_six_comparisons_keep(seed, count):
    points = random_cloud(seed, count)
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    mask = (x >= 0) & (x <= 4) & (y >= -2) & (y <= 2) & (z >= -1) & (z <= 1)
    np.testing.assert_array_equal(inside_range(points, BOX), mask)
    np.testing.assert_array_equal(filter_range(points, BOX), points[mask])
    buffer = np.full((count + 1, 4), np.nan, np.float32)
    np.testing.assert_array_equal(filter_range(points, BOX, into=buffer), points[mask])


def test_real_scans_give_the_known_counts():
    """expected.json was made with NumPy in float64; our counts are the same to the last point."""
    if not FIXTURE.is_dir():
        pytest.skip("shared/data/kitti_object is not beside the project")
    expected = json.loads((FIXTURE / "expected.json").read_text())
    everything = VoxelSettings(FR_034, PILLARS.grid, 1000, 40_000)
    voxelizer = Voxelizer(everything)
    for frame in ("000000", "000001", "000007", "000076"):
        points = np.fromfile(FIXTURE / "training" / "velodyne" / f"{frame}.bin", "<f4").reshape(-1, 4)
        found, facts = voxelizer(points), expected[frame]["velodyne"]
        assert count_in_range(points) == facts["in_range_x0_70_y40_z-3_1_inclusive"]
        assert found.points_in_grid == facts["pointpillars_points"]
        assert len(found.counts) == facts["pointpillars_nonempty_pillars_approx"]
        assert found.counts.max() == facts["max_points_in_pillar_approx"]
