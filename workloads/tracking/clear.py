"""CLEAR MOT: how much is found, and how often a track changes hands.

Source: Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", 2008; in
the details (matching, MT/ML, fragments) JonathonLuiten/TrackEval, trackeval/metrics/clear.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import linear_sum_assignment

from workloads.tracking.pairs import EPSILON, Pairs
from workloads.tracking.rules import SIMILARITY

_KEEPS_ITS_PARTNER = 1000.0
"""More than any sum of similarities in a frame of a thousand objects: continuity first, closeness second."""
MOSTLY_TRACKED, MOSTLY_LOST = 0.8, 0.2


@dataclass(frozen=True)
class Clear:
    """Sums over a sequence, or over several."""

    tp: int = 0
    fn: int = 0
    fp: int = 0
    switches: int = 0
    fragments: int = 0
    mostly_tracked: int = 0
    partly_tracked: int = 0
    mostly_lost: int = 0
    similarity: float = 0.0

    @property
    def mota(self) -> float:
        """1 - (FN + FP + switches) / truth; 0 without any truth, as TrackEval says of such a sequence."""
        if not self.tp + self.fn:
            return 0.0
        return (self.tp - self.fp - self.switches) / (self.tp + self.fn)

    @property
    def motp(self) -> float:
        """Mean IoU of the matches: higher is better. (py-motmetrics gives mean 1 - IoU under this name.)"""
        return self.similarity / max(1, self.tp)

    def as_dict(self) -> dict[str, float]:
        return {
            "MOTA": self.mota, "MOTP": self.motp,
            "CLR_Re": self.tp / max(1, self.tp + self.fn), "CLR_Pr": self.tp / max(1, self.tp + self.fp),
            "CLR_TP": self.tp, "CLR_FN": self.fn, "CLR_FP": self.fp, "IDSW": self.switches,
            "MT": self.mostly_tracked, "PT": self.partly_tracked, "ML": self.mostly_lost, "Frag": self.fragments,
        }  # fmt: skip


def clear(pairs: Pairs) -> Clear:
    """The metrics of one sequence."""
    if not pairs.track_boxes or not pairs.truth_boxes:
        return Clear(fn=pairs.truth_boxes, fp=pairs.track_boxes, mostly_lost=pairs.truth_ids)
    lived, matched, begun = (np.zeros(pairs.truth_ids, np.int64) for _ in range(3))
    last, before = np.full(pairs.truth_ids, -1), np.full(pairs.truth_ids, -1)
    tp = fn = fp = switches = 0
    total = 0.0
    for frame in pairs.frames:
        lived[frame.truth] += 1
        if not len(frame.truth) or not len(frame.tracks):  # such a frame does not end what was matched before it
            fn += len(frame.truth)
            fp += len(frame.tracks)
            continue
        kept = frame.tracks[None, :] == before[frame.truth][:, None]
        score = np.where(frame.similarity < SIMILARITY - EPSILON, 0.0, _KEEPS_ITS_PARTNER * kept + frame.similarity)
        rows, columns = linear_sum_assignment(score, maximize=True)
        real = score[rows, columns] > EPSILON
        rows, columns = rows[real], columns[real]
        objects, tracks = frame.truth[rows], frame.tracks[columns]
        switches += int(np.sum((last[objects] >= 0) & (last[objects] != tracks)))
        begun[objects] += before[objects] < 0
        last[objects] = tracks
        before[:] = -1
        before[objects] = tracks
        matched[objects] += 1
        tp += len(rows)
        fn += len(frame.truth) - len(rows)
        fp += len(frame.tracks) - len(rows)
        total += float(frame.similarity[rows, columns].sum())
    share = matched / np.maximum(lived, 1)
    most, some = int(np.sum(share > MOSTLY_TRACKED)), int(np.sum(share >= MOSTLY_LOST))
    fragments = int(np.sum(begun[begun > 0] - 1))
    return Clear(tp, fn, fp, switches, fragments, most, some - most, pairs.truth_ids - some, total)


def combined(parts: Iterable[Clear]) -> Clear:
    """Of several sequences: sums, then ratios."""
    parts = list(parts)
    return Clear(*(sum(getattr(part, one.name) for part in parts) for one in fields(Clear)))
