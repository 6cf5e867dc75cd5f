"""The benchmark for a GPU says plainly when there is none; its peer of array code does what ours does."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.scan import street_scan
from benchmarks.voxels_gpu import SETTINGS, _unique, main
from workloads.arrays import device
from workloads.pointcloud.voxels import by_sorting


def test_without_a_gpu_nothing_is_measured_and_the_reason_is_said(capsys):
    if device().is_gpu:
        pytest.skip("there is a GPU; run python -m benchmarks.voxels_gpu")
    assert main(["--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"benchmark": "voxels_gpu", "not_run": device().reason}


def test_peer_finds_the_same_voxels_in_the_order_of_their_cells():
    points = street_scan(0, 100)
    voxels, _, counts = _unique(points, np)
    ours = by_sorting(points, SETTINGS)
    order = np.lexsort(ours.coordinates_zyx.T[::-1])
    np.testing.assert_array_equal(voxels, ours.points[order])
    np.testing.assert_array_equal(np.minimum(counts, SETTINGS.max_points), ours.counts[order])
