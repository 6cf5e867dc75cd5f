"""HOTA: detection and association weighed alike, over nineteen thresholds of overlap.

Source: Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", IJCV 2021; details as in
JonathonLuiten/TrackEval, trackeval/metrics/hota.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import linear_sum_assignment

from workloads.tracking.pairs import EPSILON, Pairs

ALPHAS = np.arange(0.05, 0.99, 0.05)
"""0.05, 0.10, …, 0.95."""


@dataclass(frozen=True)
class Hota:
    """Sums per threshold, each (19,) float64; the three associations and the similarity are sums over `tp`."""

    tp: np.ndarray
    fn: np.ndarray
    fp: np.ndarray
    association: np.ndarray
    association_recall: np.ndarray
    association_precision: np.ndarray
    similarity: np.ndarray

    def as_dict(self) -> dict[str, float]:
        """Means over the thresholds."""
        found = np.maximum(1, self.tp)
        det_a = self.tp / np.maximum(1, self.tp + self.fn + self.fp)
        ass_a = self.association / found
        values = {
            "HOTA": np.sqrt(det_a * ass_a), "DetA": det_a, "AssA": ass_a,
            "DetRe": self.tp / np.maximum(1, self.tp + self.fn), "DetPr": self.tp / np.maximum(1, self.tp + self.fp),
            "AssRe": self.association_recall / found, "AssPr": self.association_precision / found,
            # 1 where nothing is matched, as in TrackEval: there is nothing badly placed
            "LocA": np.maximum(1e-10, self.similarity) / np.maximum(1e-10, self.tp),
        }  # fmt: skip
        return {name: float(value.mean()) for name, value in values.items()}


def hota(pairs: Pairs) -> Hota:
    """The metrics of one sequence."""
    count = len(ALPHAS)
    if not pairs.track_boxes or not pairs.truth_boxes:
        nothing = np.zeros(count)
        return Hota(nothing, nothing + pairs.truth_boxes, nothing + pairs.track_boxes, *[nothing] * 4)
    aligned, truth_lives, track_lives = _alignment(pairs)
    met, overlaps = [], []
    for frame in pairs.frames:
        score = aligned[frame.truth[:, None], frame.tracks[None, :]] * frame.similarity
        rows, columns = linear_sum_assignment(score, maximize=True)
        met.append(frame.truth[rows] * pairs.track_ids + frame.tracks[columns])
        overlaps.append(frame.similarity[rows, columns])
    # Few numbers ever meet, so what is counted per pair of numbers is kept for those that do.
    couples, place = np.unique(np.concatenate(met), return_inverse=True)
    overlap = np.concatenate(overlaps)
    close = overlap[None, :] >= ALPHAS[:, None] - EPSILON
    together = np.array([np.bincount(place[one], minlength=len(couples)) for one in close], float)
    lived = truth_lives[couples // pairs.track_ids, 0], track_lives[0, couples % pairs.track_ids]
    both, recall, precision = (
        (together * together / np.maximum(1, lives)).sum(axis=1) for lives in (sum(lived) - together, *lived)
    )
    tp = close.sum(axis=1)
    return Hota(tp, pairs.truth_boxes - tp, pairs.track_boxes - tp, both, recall, precision, close @ overlap)


def _alignment(pairs: Pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(objects, tracks): how well two numbers fit over the whole sequence; and how many boxes each has."""
    together = np.zeros((pairs.truth_ids, pairs.track_ids))
    truth_lives, track_lives = np.zeros((pairs.truth_ids, 1)), np.zeros((1, pairs.track_ids))
    for frame in pairs.frames:
        shared = frame.similarity
        total = shared.sum(axis=0)[None, :] + shared.sum(axis=1)[:, None] - shared
        fit = np.divide(shared, total, out=np.zeros_like(shared), where=total > EPSILON)
        together[frame.truth[:, None], frame.tracks[None, :]] += fit
        truth_lives[frame.truth] += 1
        track_lives[0, frame.tracks] += 1
    return together / (truth_lives + track_lives - together), truth_lives, track_lives


def combined(parts: Sequence[Hota]) -> Hota:
    """Of several sequences: sums, then ratios."""
    sums = {one.name: np.sum([getattr(part, one.name) for part in parts], axis=0) for one in fields(Hota)}
    return Hota(**sums)
