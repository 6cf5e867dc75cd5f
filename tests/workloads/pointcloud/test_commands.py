"""`python -m workloads.pointcloud info|voxelize FILE --json`."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workloads.pointcloud.__main__ import main

ROOT = Path(__file__).parents[3]
FIXTURE = ROOT.parent / "shared" / "data" / "kitti_object"


@pytest.fixture
def scan(tmp_path) -> Path:
    random = np.random.default_rng(0)
    points = random.uniform((-5, -45, -4, 0), (75, 45, 2, 1), (3000, 4)).astype("<f4")
    points[0, 2] = np.nan
    path = tmp_path / "000001.bin"
    path.write_bytes(points.tobytes())
    return path


def said(capsys, *words: str) -> dict:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_info_counts_points_nan_and_range(scan, capsys):
    points = np.fromfile(scan, "<f4").reshape(-1, 4)
    facts = said(capsys, "info", str(scan))
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    inside = (x >= 0) & (x <= 70) & (y >= -40) & (y <= 40) & (z >= -3) & (z <= 1)
    assert (facts["points"], facts["not_finite"], facts["points_in_range"]) == (3000, 1, inside.sum())
    assert facts["bounds"]["x"] == [pytest.approx(x[1:].min(), abs=1e-6), pytest.approx(x[1:].max(), abs=1e-6)]


def test_digest_is_that_of_the_arrays_and_the_same_in_every_run(scan, tmp_path, capsys):
    out = tmp_path / "out.npz"
    first = said(capsys, "voxelize", str(scan), "--pillars", "--out", str(out))
    assert said(capsys, "voxelize", str(scan))["sha256"] == first["sha256"]
    with np.load(out) as arrays:
        content = b"".join(arrays[name].tobytes() for name in ("pillars", "counts", "coordinates_zyx"))
        assert arrays["features"].shape == (*arrays["pillars"].shape[:2], 10)
    assert hashlib.sha256(content).hexdigest() == first["sha256"]
    assert first["points"] == 3000
    assert first["points_kept"] + first["points_dropped_full"] == first["points_in_grid"] <= first["points_in_range"]


def test_limits_range_and_size_are_settings(scan, capsys):
    words = "--voxels --range 0 50 -20 20 -3 1 --voxel 2 2 2 --max-points 1 --max-voxels 100"
    facts = said(capsys, "voxelize", str(scan), *words.split())
    assert facts["grid_shape"] == [25, 20, 2]
    assert (facts["voxels"], facts["points_kept"], facts["max_points_in_voxel"]) == (100, 100, 1)
    assert (
        facts["points_kept"] + facts["points_dropped_full"] + facts["points_dropped_no_voxel"]
        == facts["points_in_grid"]
    )


def test_dynamic_keeps_every_point_of_the_grid(scan, capsys):
    facts = said(capsys, "voxelize", str(scan), "--dynamic", "--voxel", "1", "1", "1")
    assert facts["points_kept"] == facts["points_in_grid"] > 0
    assert facts["grid_shape"] == [70, 80, 4]


def test_a_pillar_of_another_height_than_asked_for_is_said(scan, capsys):
    facts = said(capsys, "voxelize", str(scan), "--pillars", "--voxel", "0.3", "0.2", "1")
    assert facts["voxel_size_m"] == [0.3, 0.2, 4.0]
    assert facts["note"] == "a pillar is as high as the grid: 4 m, not the 1 m of --voxel; --voxels cuts z too"
    assert "note" not in said(capsys, "voxelize", str(scan), "--pillars", "--voxel", "0.3", "0.2", "4")
    assert "note" not in said(capsys, "voxelize", str(scan), "--voxels", "--voxel", "0.3", "0.2", "1")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--dynamic", "--max-points", "3"), "--max-points: has no effect with --dynamic"),
        (("--dynamic", "--max-voxels", "3"), "--max-voxels: has no effect with --dynamic"),
        (("--fields", ""), "its columns are given as ''; each needs a name of its own"),
    ],
)
def test_option_that_would_do_nothing_is_refused(scan, capsys, more, words):
    assert main(["voxelize", str(scan), *more]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--range", "0", "0", "-40", "40", "-3", "1"), "--range: x runs from 0 to 0"),
        (("--grid", "0", "1", "2", "1", "0", "1"), "--grid: y runs from 2 to 1"),
        (("--voxel", "0", "1", "1"), "--voxel: 0 m along x"),
        (("--max-points", "0"), "--max-points: 0; choose 1 to"),
        (("--max-voxels", "0"), "--max-voxels: 0; choose 1 to"),
    ],
)
def test_mistake_names_the_option_and_no_field_of_an_issue(scan, capsys, more, words):
    assert main(["voxelize", str(scan), *more]) == 2
    assert capsys.readouterr().err.startswith(f"error: {words}")


def test_negative_numbers_may_be_spelt_in_any_way(scan, capsys):
    counts = []
    for y in ("-40", "-40.", "-4e1", "-.4E+2"):
        assert main(["info", str(scan), "--json", "--range", "0", "70", y, "40", "-3", "1"]) == 0
        counts.append(json.loads(capsys.readouterr().out)["range_m"])
    assert counts == [[0, 70, -40, 40, -3, 1]] * 4


def test_bad_input_is_one_line_and_code_2(tmp_path, capsys):
    (tmp_path / "a.bin").write_bytes(bytes(15))
    for words in (["info", str(tmp_path / "a.bin")], ["voxelize", str(tmp_path / "none.ply")],
                  ["voxelize", str(tmp_path / "a.bin"), "--max-points", "0"]):  # fmt: skip
        assert main(words) == 2
        told = capsys.readouterr()
        assert told.err.startswith("error: ")
        assert told.err.count("\n") == 1
        assert told.out == ""


def test_command_line_runs_as_a_module(scan):
    done = subprocess.run([sys.executable, "-m", "workloads.pointcloud", "info", str(scan)], cwd=ROOT, check=True,
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    assert "points_in_range" in done.stdout


def test_real_scan_gives_the_known_answers(capsys):
    if not FIXTURE.is_dir():
        pytest.skip("shared/data/kitti_object is not beside the project")
    expected = json.loads((FIXTURE / "expected.json").read_text())["000002"]["velodyne"]
    path = str(FIXTURE / "training" / "velodyne" / "000002.bin")
    info, cut = said(capsys, "info", path), said(capsys, "voxelize", path)
    assert info["points_in_range"] == expected["in_range_x0_70_y40_z-3_1_inclusive"]
    np.testing.assert_allclose(list(info["mean"].values()), expected["mean_xyzi"], atol=5.1e-5)
    assert cut["points_in_grid"] == expected["pointpillars_points"]
    assert cut["cells_with_points"] == cut["voxels"] == expected["pointpillars_nonempty_pillars_approx"]
    assert cut["max_points_in_cell"] == expected["max_points_in_pillar_approx"]
