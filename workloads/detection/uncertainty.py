"""How sure a detection is: its spread over several looks at the same picture.

A look is a changed picture (test-time augmentation), a network with features left out (Monte Carlo dropout), or
another network (ensemble). What all looks agree on has a small spread; what only some of them see is doubtful.
Sources: Wang et al., "Aleatoric uncertainty estimation with test-time augmentation", Neurocomputing 338, 2019;
Gal and Ghahramani, "Dropout as a Bayesian approximation", ICML 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workloads.detection.boxes import iou_matrix
from workloads.detection.detections import Detections

IOU_LIMIT = 0.5
"""Least overlap of two looks at the same object."""
LOOKS = ((1.0, False), (1.0, True), (0.8, False), (0.8, True))
"""Test-time augmentation: scale of the picture within the network's input, and whether it is mirrored. Larger than 1
would cut the picture; much smaller loses what is far away."""


@dataclass(frozen=True)
class Spread:
    """One row a detection."""

    score_std: np.ndarray
    """(n,) standard deviation of the score over all looks; 0 is taken for a look without the object."""
    box_std_px: np.ndarray
    """(n, 4) standard deviation of left, top, right, bottom over the looks with the object, original pixels."""
    seen: np.ndarray
    """(n,) share of the looks that gave the object at least the asked score."""

    def agreement(self, scores: np.ndarray) -> float:
        """Mean of `seen` by score; 1 where nothing was found."""
        return float(np.average(self.seen, weights=scores)) if len(scores) else 1.0


def spread(found: Detections, looks: Sequence[Detections], score_limit: float) -> Spread:
    """The spread of what was found over all looks, the one it comes from included.

    Args:
        looks: with low scores kept in, so that a score that sinks below `score_limit` is known and not taken for 0.
        score_limit: score from which on a look has seen the object.
    """
    scores = np.zeros((len(looks), len(found)))
    boxes = np.full((len(looks), len(found), 4), np.nan)
    for number, look in enumerate(looks):
        for mine, theirs in _pairs(found, look):
            scores[number, mine] = look.scores[theirs]
            boxes[number, mine] = look.boxes_xyxy[theirs]
    seen = (scores >= score_limit).mean(axis=0) if looks else np.zeros(len(found))
    there = ~np.isnan(boxes)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, boxes, 0).sum(axis=0) / count
    variance = (np.where(there, boxes - mean, 0) ** 2).sum(axis=0) / count
    score_std = scores.std(axis=0) if looks else np.zeros(len(found))
    return Spread(score_std.astype(np.float32), np.sqrt(variance).astype(np.float32), seen.astype(np.float32))


def _pairs(found: Detections, look: Detections) -> list[tuple[int, int]]:
    """Which box of a look shows which object found: same class, best overlap first come; each box once."""
    overlaps = iou_matrix(found.boxes_xyxy, look.boxes_xyxy)
    overlaps[found.classes[:, None] != look.classes[None, :]] = 0
    pairs = []
    for mine in range(len(found) if len(look) else 0):  # best first, as detections are sorted
        theirs = int(overlaps[mine].argmax())
        if overlaps[mine, theirs] >= IOU_LIMIT:
            pairs.append((mine, theirs))
            overlaps[:, theirs] = 0
    return pairs
