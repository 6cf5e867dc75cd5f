"""KITTI's result files: 16 columns, with KITTI's own words for what a detector does not know.

Source: KITTI object devkit, readme.txt (invalid defaults of unused fields).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

INVALID_3D = "-1 -1 -1 -1000 -1000 -1000 -10"
"""Height, width, length, x, y, z, rotation_y of a detector that sees boxes in the image alone."""
_HEAD = "-1 -1 -10"
"""Truncated, occluded, alpha: not estimated. With an alpha of -10 the evaluator leaves AOS out."""


def result_rows(boxes_xyxy: np.ndarray, scores: np.ndarray, kinds: Sequence[str]) -> str:
    """The text of one frame's file; no detection is an empty text.

    Args:
        boxes_xyxy: (n, 4) left, top, right, bottom in pixels of the original image, 0-based; written to 0.01 px.
        scores: (n,) higher is better; written to 1e-6, so that ranks survive.
        kinds: (n,) words; blanks within become `_`, for blanks part the columns.
    """
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    rows = zip(kinds, boxes, np.asarray(scores, np.float64), strict=True)
    return "".join(
        f"{_word(kind)} {_HEAD} {' '.join(f'{value:.2f}' for value in box)} {INVALID_3D} {score:.6f}\n"
        for kind, box, score in rows
    )


def write_results(folder: Path, frame: str, boxes_xyxy: np.ndarray, scores: np.ndarray, kinds: Sequence[str]) -> Path:
    """`folder/data/FRAME.txt`, where KITTI's own evaluator looks; an empty file says that nothing was found."""
    path = folder / "data" / f"{frame}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(result_rows(boxes_xyxy, scores, kinds), encoding="utf-8")
    return path


def _word(kind: str) -> str:
    return re.sub(r"\s+", "_", kind.strip()) or "_"
