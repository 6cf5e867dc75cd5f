"""The evaluators KITTI's is measured against: the official C++ and OpenPCDet's, each from files to numbers."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from workloads.kitti import overlaps

Table = dict[str, dict[str, dict[str, dict[str, float]]]]
"""class -> metric -> difficulty -> R11, R40 in per cent."""
CLASSES, LEVELS = ("car", "pedestrian", "cyclist"), ("easy", "moderate", "hard")
_DEVKIT_FILES = {"bbox": "detection", "aos": "orientation", "bev": "detection_BEV", "3d": "detection_3D"}
_STRICT, _LOOSE = np.array([[0.7, 0.5, 0.5]] * 3), np.array([[0.7, 0.5, 0.5], [0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
"""OpenPCDet's two sets of overlaps, metric by class."""


def devkit(binary: str, labels: Path, results: Path) -> Table:
    """It writes 41 precisions for three difficulties a file; drawing them fails without gnuplot, which costs little."""
    subprocess.run([binary, str(labels), str(results)], check=True, capture_output=True)
    table: Table = {}
    for kind in CLASSES:
        for metric, name in _DEVKIT_FILES.items():
            file = results / "plot" / f"{kind}_{name}.txt"
            if file.exists():
                curves = np.loadtxt(file)[:, 1:].T
                table.setdefault(kind, {})[metric] = {
                    level: {"R11": float(curve[::4].mean() * 100), "R40": float(curve[1:].mean() * 100)}
                    for level, curve in zip(LEVELS, curves, strict=True)
                }
    return table


def openpcdet(checkout: Path) -> Callable[[Path, Path, bool], Table]:
    """Its evaluator without its package, whose import asks for CUDA; (labels, results, loose overlaps too) -> table.

    The rotated overlap, a CUDA kernel there, is ours here: it costs next to nothing (1 % of the time).
    """
    name = "kitti_object_eval_python"
    package, stand_in = types.ModuleType(name), types.ModuleType(f"{name}.rotate_iou")
    package.__path__ = [str(checkout / "pcdet" / "datasets" / "kitti" / name)]
    stand_in.rotate_iou_gpu_eval = lambda a, b, criterion=-1: _overlaps(a, b, criterion == -1)  # type: ignore[attr-defined]
    pictures = types.ModuleType("skimage")
    pictures.io = None  # type: ignore[attr-defined] # it reads pictures elsewhere
    sys.modules |= {name: package, f"{name}.rotate_iou": stand_in} | ({} if "skimage" in sys.modules else
                                                                      {"skimage": pictures})  # fmt: skip
    judge: Any = importlib.import_module(f"{name}.eval")
    reading: Any = importlib.import_module(f"{name}.kitti_common")

    def run(labels: Path, results: Path, loose: bool) -> Table:
        truth, found = reading.get_label_annos(labels), reading.get_label_annos(results / "data")
        limits = np.stack([_STRICT, _LOOSE] if loose else [_STRICT])
        box, bev, space, turned, box40, bev40, space40, turned40 = judge.do_eval(truth, found, [0, 1, 2], limits, True)
        r11, r40 = (box, turned, bev, space), (box40, turned40, bev40, space40)
        return {
            kind: {metric: {level: {"R11": float(r11[m][k, d, 0]), "R40": float(r40[m][k, d, 0])}
                            for d, level in enumerate(LEVELS)} for m, metric in enumerate(_DEVKIT_FILES)}
            for k, kind in enumerate(CLASSES)
        }  # fmt: skip

    return run


@njit(cache=True)
def _overlaps(a: np.ndarray, b: np.ndarray, share: bool) -> np.ndarray:
    """(n, m) shared areas, or shares, of rectangles x, z, length, width, rotation_y."""
    out = np.zeros((len(a), len(b)))
    for row in range(len(a)):
        for column in range(len(b)):
            right, ahead = b[column, 0] - a[row, 0], b[column, 1] - a[row, 1]
            reach = 0.5 * (np.hypot(a[row, 2], a[row, 3]) + np.hypot(b[column, 2], b[column, 3]))
            if right * right + ahead * ahead < reach * reach:
                area = overlaps._rectangles(right, ahead, a[row, 2], a[row, 3], a[row, 4], b[column, 2], b[column, 3],
                                            b[column, 4])  # fmt: skip
                whole = a[row, 2] * a[row, 3] + b[column, 2] * b[column, 3] - area
                out[row, column] = area / whole if share else area
    return out
