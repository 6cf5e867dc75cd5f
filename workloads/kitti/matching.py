"""The official assignment of detections to ground truth, walked over the overlapping pairs alone.

Tie rules, as in the official C++: of equal scores (recall pass) or equal overlaps (precision pass) the detection that
stands first in its file wins; a detection taken by an earlier ground truth is gone for later ones; an ignored
detection is taken only where no valid one was found, the first such stays, and a later valid one replaces it.
Source: KITTI object devkit, cpp/evaluate_object.cpp (2017).
"""

from __future__ import annotations

import numpy as np
from numba import njit

POINTS = 41
VALID, IGNORED, INVISIBLE = 0, 1, -1


@njit(cache=True, nogil=True)
def curves(truths: np.ndarray, truth_state: np.ndarray, edge_starts: np.ndarray, edge_found: np.ndarray,
           edge_overlap: np.ndarray, edge_similarity: np.ndarray, found_state: np.ndarray, score: np.ndarray,
           excused: np.ndarray, valid_scores: np.ndarray, excused_scores: np.ndarray, valid_truths: int
           ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Precision and orientation similarity at 41 recall points, not yet made monotone.

    Args:
        truths: indices of the ground truths of this class that have an edge, in file order.
        truth_state, found_state: VALID, IGNORED or INVISIBLE for this class and difficulty.
        edge_starts, edge_found, edge_overlap: `overlaps.edges`; edge_similarity: (1 + cos(difference of alpha)) / 2.
        excused: (detections,) bool, inside a DontCare region (image metric only).
        valid_scores, excused_scores: ascending scores of all valid, and of all valid and excused detections.
        valid_truths: the number of valid ground truths, with or without an edge.
    """
    starts, found, edges, detections = _visible(truths, truth_state, edge_starts, edge_found, found_state)
    edge_score, edge_valid = score[edge_found[edges]], found_state[edge_found[edges]] == VALID
    overlap, alike_of = edge_overlap[edges], edge_similarity[edges]
    excused_here, valid_truth = excused[detections], truth_state[truths] == VALID
    taken = np.zeros(len(detections), np.int64)
    recorded = np.empty(len(truths))
    count = 0
    for truth in range(len(truths)):
        best, best_score = -1, -np.inf
        for edge in range(starts[truth], starts[truth + 1]):
            if taken[found[edge]] == 0 and edge_score[edge] > best_score:
                best, best_score = edge, edge_score[edge]
        if best >= 0:
            taken[found[best]] = 1
            if valid_truth[truth] and edge_valid[best]:
                recorded[count] = best_score
                count += 1
    limits = thresholds(recorded[:count], valid_truths)
    precision, similarity = np.zeros(POINTS), np.zeros(POINTS)
    for point in range(len(limits)):
        limit, stamp = limits[point], point + 2
        right, alike, assigned, assigned_excused = 0, 0.0, 0, 0
        for truth in range(len(truths)):
            best, best_overlap, is_valid = -1, 0.0, False
            for edge in range(starts[truth], starts[truth + 1]):
                if edge_score[edge] < limit or taken[found[edge]] == stamp:
                    continue
                if edge_valid[edge]:
                    if overlap[edge] > best_overlap:
                        best, best_overlap, is_valid = edge, overlap[edge], True
                elif best < 0:
                    best = edge
            if best < 0:
                continue
            taken[found[best]] = stamp
            if is_valid:
                assigned += 1
                assigned_excused += excused_here[found[best]]
                if valid_truth[truth]:
                    right += 1
                    alike += alike_of[best]
        # Who is in no pair at all is counted by its score alone: a search instead of a walk over all detections.
        wrong = len(valid_scores) - np.searchsorted(valid_scores, limit) - assigned
        wrong -= len(excused_scores) - np.searchsorted(excused_scores, limit) - assigned_excused
        if right + wrong > 0:
            precision[point] = right / (right + wrong)
            similarity[point] = alike / (right + wrong)
    return precision, similarity


@njit(cache=True, nogil=True)
def _visible(truths: np.ndarray, truth_state: np.ndarray, edge_starts: np.ndarray, edge_found: np.ndarray,
             found_state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """The edges between what this class and difficulty can see, closed up: 41 passes walk over them.

    Returns:
        starts (len(truths) + 1,) into the two next, found (edges,) a place in `detections`, edges (edges,) where each
        came from, detections: those that take part.
    """
    most = 0
    for truth in truths:
        most += edge_starts[truth + 1] - edge_starts[truth]
    starts = np.zeros(len(truths) + 1, np.int64)
    found, edges = np.empty(most, np.int64), np.empty(most, np.int64)
    detections, place = np.empty(most, np.int64), np.full(len(found_state), -1, np.int32)
    count, known = 0, 0
    for one in range(len(truths)):
        truth = truths[one]
        if truth_state[truth] != INVISIBLE:
            for edge in range(edge_starts[truth], edge_starts[truth + 1]):
                detection = edge_found[edge]
                if found_state[detection] != INVISIBLE:
                    if place[detection] < 0:
                        place[detection] = known
                        detections[known] = detection
                        known += 1
                    found[count], edges[count] = place[detection], edge
                    count += 1
        starts[one + 1] = count
    return starts, found[:count], edges[:count], detections[:known]


@njit(cache=True, nogil=True)
def thresholds(scores: np.ndarray, valid_truths: int) -> np.ndarray:
    """The scores nearest to recall 0, 1/40, 2/40, …: at most 41, descending."""
    ordered = np.sort(scores)[::-1]
    kept = np.empty(POINTS)
    count, current = 0, 0.0
    for place in range(len(ordered)):
        last = place == len(ordered) - 1
        left = (place + 1) / valid_truths
        right = left if last else (place + 2) / valid_truths
        if not last and right - current < current - left:
            continue
        if count == POINTS:
            break
        kept[count] = ordered[place]
        count += 1
        current += 1.0 / (POINTS - 1.0)
    return kept[:count]
