"""Truth and tracks of one class in one sequence, frame by frame: what every metric is computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EPSILON = float(np.finfo(np.float64).eps)
"""Thresholds give way by this much, as in TrackEval."""


@dataclass(frozen=True)
class FramePairs:
    """One frame."""

    truth: np.ndarray
    """(t,) int64: 0 .. truth_ids - 1, each once."""
    tracks: np.ndarray
    """(k,) int64: 0 .. track_ids - 1, each once."""
    similarity: np.ndarray
    """(t, k) float64: IoU."""


@dataclass(frozen=True)
class Pairs:
    """All frames that hold truth or tracks."""

    frames: list[FramePairs]
    truth_ids: int
    track_ids: int

    @property
    def truth_boxes(self) -> int:
        return sum(len(frame.truth) for frame in self.frames)

    @property
    def track_boxes(self) -> int:
        return sum(len(frame.tracks) for frame in self.frames)


def renumbered(frames: list[FramePairs]) -> Pairs:
    """Numbers as files have them become 0, 1, 2, …"""
    counts = []
    for name in ("truth", "tracks"):
        numbers = [getattr(frame, name) for frame in frames]
        unique, places = np.unique(np.concatenate([np.empty(0, np.int64), *numbers]), return_inverse=True)
        counts.append((len(unique), np.split(places, np.cumsum([len(one) for one in numbers])[:-1]) if frames else []))
    (truth_ids, truth), (track_ids, tracks) = counts
    return Pairs(
        [FramePairs(t, k, frame.similarity) for t, k, frame in zip(truth, tracks, frames, strict=True)],
        truth_ids, track_ids,
    )  # fmt: skip


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, m) of (n, 4) and (m, 4) float64 xyxy; a box without area overlaps nothing."""
    shared, area_a = _intersection(a, b), _area(a)
    area_b = _area(b)
    union = area_a[:, None] + area_b[None, :] - shared
    real = (area_a > EPSILON)[:, None] & (area_b > EPSILON)[None, :] & (union > EPSILON)
    return np.divide(shared, union, out=np.zeros_like(shared), where=real)


def share_inside(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, m): the part of each box of a that lies in each box of b."""
    shared, area = _intersection(a, b), np.broadcast_to(_area(a)[:, None], (len(a), len(b)))
    return np.divide(shared, area, out=np.zeros_like(shared), where=area > EPSILON)


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _intersection(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.prod(np.maximum(high - low, 0), axis=2)
