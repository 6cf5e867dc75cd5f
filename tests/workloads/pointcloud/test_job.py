"""The processing job: every scan of a folder, reading and writing beside the computing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workloads.arrays import array_namespace, device
from workloads.contract import UserError
from workloads.pointcloud import job
from workloads.pointcloud.filtering import filter_range
from workloads.pointcloud.outputs import OutputSettings
from workloads.pointcloud.raster import rasterize
from workloads.pointcloud.voxels import voxelize

SMALL = {"range_m": [0, 8, -4, 4, -3, 1], "voxel_size_m": [0.5, 0.5, 1.0], "max_points": 3, "max_voxels": 60,
         "bev_size": [20, 20]}  # fmt: skip


def scan(seed: int, count: int = 700) -> np.ndarray:
    return np.random.default_rng(seed).uniform((-2, -5, -4, 0), (10, 5, 2, 1), (count, 4)).astype(np.float32)


@pytest.fixture
def scans(tmp_path):
    """More scans than are read ahead, each of another size, in KITTI's layout."""
    folder = tmp_path / "raw" / "training" / "velodyne"
    folder.mkdir(parents=True)
    for number in range(12):
        (folder / f"{number:06}.bin").write_bytes(scan(number, 700 - 50 * number).tobytes())
    return folder


def test_every_scan_gives_what_it_gives_alone(scans, tmp_path):
    settings = OutputSettings.read(SMALL)
    report = job.process(tmp_path / "raw", tmp_path / "out", settings)
    assert (report["scans"], report["good"], report["bad"]) == (12, 12, [])
    for number in range(12):
        points = scan(number, 700 - 50 * number)
        with np.load(tmp_path / "out" / f"{number:06}.npz") as arrays:
            np.testing.assert_array_equal(arrays["filtered"], filter_range(points, settings.points_m))
            for name, chosen in (("voxel", settings.voxels), ("pillar", settings.pillars)):
                alone = voxelize(points, chosen)
                np.testing.assert_array_equal(arrays[f"{name}s"], alone.points)
                np.testing.assert_array_equal(arrays[f"{name}_counts"], alone.counts)
                np.testing.assert_array_equal(arrays[f"{name}_coordinates_zyx"], alone.coordinates_zyx)
            alone = rasterize(points, settings.points_m, settings.bev)
            np.testing.assert_array_equal(arrays["bev"], alone.image)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{n:06}.npz" for n in range(12)]
    assert report["totals"]["points"] == sum(700 - 50 * n for n in range(12))


@pytest.mark.parametrize("outputs", [["pillars"], ["filtered", "pillars"]], ids=["part by part", "whole"])
@pytest.mark.parametrize("suffix", [".bin", ".pcd"])
def test_point_without_an_intensity_is_counted_and_left_out(tmp_path, outputs, suffix):
    """Its place lies in the range: of NaN in a pillar comes NaN in a network."""
    points = scan(1, 5)
    points[:, :3] = 1, 1, 0
    points[1, 3], points[3, 3] = np.nan, np.inf
    (tmp_path / f"a{suffix}").write_bytes(points.tobytes() if suffix == ".bin" else pcd(points))
    report = job.process(tmp_path, tmp_path / "out", OutputSettings.read(SMALL | {"outputs": outputs}))
    with np.load(tmp_path / "out" / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays["pillars"][0], points[[0, 2, 4]])
    counts = report["per_scan"]["a"]
    assert (counts["points"], counts["points_in_range"], counts["not_finite"]) == (5, 3, 2)


def pcd(points: np.ndarray) -> bytes:
    head = ("FIELDS x y z intensity\nSIZE 4 4 4 4\nTYPE F F F F\n"
            f"WIDTH {len(points)}\nHEIGHT 1\nDATA binary\n")  # fmt: skip
    return head.encode() + points.tobytes()


def test_pillars_alone_are_cut_part_by_part_and_the_same(scans, tmp_path):
    (scans / "000012.bin").write_bytes(scan(12, 40_000).tobytes())
    report = job.process(scans, tmp_path / "all", OutputSettings.read(SMALL))
    alone = job.process(scans, tmp_path / "alone", OutputSettings.read(SMALL | {"outputs": ["pillars"]}))
    for number in range(13):
        with (
            np.load(tmp_path / "all" / f"{number:06}.npz") as whole,
            np.load(tmp_path / "alone" / f"{number:06}.npz") as one,
        ):
            for name in one:
                np.testing.assert_array_equal(one[name], whole[name])
    for name in ("points", "points_in_range", "pillars", "pillar_points_kept", "pillar_points_dropped", "not_finite"):
        assert alone["totals"][name] == report["totals"][name]


def test_two_jobs_write_the_same_bytes(scans, tmp_path):
    for name in ("one", "other"):
        job.process(scans, tmp_path / name, OutputSettings.read(SMALL))
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_bad_scans_are_skipped_counted_and_named(scans, tmp_path):
    (scans / "000003.bin").write_bytes(bytes(17))
    (scans / "000005.bin").write_bytes(b"")
    (scans / "000007.bin").write_bytes(np.full((3, 4), np.nan, "<f4").tobytes())
    some_nan = scan(9)
    some_nan[::7, 1] = np.nan
    (scans / "000009.bin").write_bytes(some_nan.tobytes())
    report = job.process(scans, tmp_path / "out", OutputSettings.read(SMALL | {"outputs": ["bev"]}), max_bad_share=0.5)
    assert report["good"] == 9
    assert [one["frame"] for one in report["bad"]] == ["000003", "000005", "000007"]
    assert "no multiple of 16" in report["bad"][0]["reason"]
    assert report["totals"]["not_finite"] == 100
    assert len(list((tmp_path / "out").iterdir())) == 9


def test_too_many_bad_scans_stop_the_job(scans, tmp_path):
    for number in (3, 5):
        (scans / f"{number:06}.bin").write_bytes(bytes(17))
    with pytest.raises(UserError, match="2 of 12 frames are bad"):
        job.process(scans, tmp_path / "out", OutputSettings.read(SMALL), max_bad_share=0.1)


def test_folder_without_scans_and_two_scans_of_a_frame_are_refused(tmp_path):
    with pytest.raises(UserError, match="there is no scan"):
        job.find_scans(tmp_path)
    for name in ("000001.bin", "000001.pcd"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"000001\.bin and 000001\.pcd"):
        job.find_scans(tmp_path)


def test_job_reads_its_inputs_and_leaves_a_report(scans, tmp_path, monkeypatch):
    base = tmp_path / "ml"
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    inputs = base / "processing" / "input"
    (inputs / "run").mkdir(parents=True)
    spec = {"preprocessing": {"points": SMALL | {"outputs": ["pillars"]}, "max_bad_share": 0.2}}
    (inputs / "run" / "run.json").write_text(json.dumps({"run_key": "mlops-3-1", "spec": spec}))
    (tmp_path / "raw").rename(inputs / "raw")
    assert job.main() == 0
    outputs = base / "processing" / "output"
    report = json.loads((outputs / "report" / "points.json").read_text())
    assert (report["run_key"], report["good"], report["outputs"]) == ("mlops-3-1", 12, ["pillars"])
    assert len(list((outputs / "points").glob("*.npz"))) == 12


def test_device_says_why():
    found = device()
    assert found.reason
    assert found.is_gpu == (found.xp is not np)
    assert array_namespace(np.zeros(1), [1], 2.0) is np
