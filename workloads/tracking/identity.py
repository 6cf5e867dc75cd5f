"""IDF1: how much of the truth one number follows for as long as it lives.

Source: Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking", 2016.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from workloads.tracking.pairs import Pairs
from workloads.tracking.rules import SIMILARITY


@dataclass(frozen=True)
class Identity:
    """Boxes under the best one-to-one pairing of objects with tracks."""

    tp: int = 0
    fn: int = 0
    fp: int = 0

    def as_dict(self) -> dict[str, float]:
        return {
            "IDF1": self.tp / max(1.0, self.tp + 0.5 * self.fp + 0.5 * self.fn),
            "IDR": self.tp / max(1, self.tp + self.fn), "IDP": self.tp / max(1, self.tp + self.fp),
            "IDTP": self.tp, "IDFN": self.fn, "IDFP": self.fp,
        }  # fmt: skip


def identity(pairs: Pairs) -> Identity:
    """The metrics of one sequence.

    Pairing an object with a track saves as many misses and false boxes as they meet, and never costs any; so the best
    pairing is the one with the most meetings.
    """
    met = np.zeros((pairs.truth_ids, pairs.track_ids), np.int64)
    for frame in pairs.frames:
        rows, columns = np.nonzero(frame.similarity >= SIMILARITY)
        met[frame.truth[rows], frame.tracks[columns]] += 1
    right = int(met[linear_sum_assignment(met, maximize=True)].sum())
    return Identity(right, pairs.truth_boxes - right, pairs.track_boxes - right)


def combined(parts: Iterable[Identity]) -> Identity:
    """Of several sequences: sums, then ratios."""
    parts = list(parts)
    return Identity(sum(one.tp for one in parts), sum(one.fn for one in parts), sum(one.fp for one in parts))
