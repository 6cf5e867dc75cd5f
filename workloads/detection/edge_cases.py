"""Frames of the traffic that a person should label: the model doubts them, or two looks at them disagree (FR-039)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from workloads.detection.captured import CapturedFrame
from workloads.detection.detections import Detections

SAME_BITS = 6
"""Fingerprints that differ in so few of 64 bits show the same scene: consecutive frames of a video differ in 1 to 9,
frames of different scenes in 13 and more (99.9 % of the pairs of rendered scenes, all pairs of the KITTI excerpt)."""
AGREEMENT = 0.7
"""Looks that agree less are a disagreement."""
DOUBT_WIDTH = 0.2
"""Scores from the threshold up to so much above it are doubtful."""
DOUBT = 0.5
"""Mean doubt of a frame's detections from which it is an edge case."""
RARELY_EMPTY = 0.05
"""A frame without detections is an edge case where so few of the judged frames are."""
REASONS = {
    "disagreement": "looks at the frame, or the models of the ensemble, disagree",
    "low_confidence": "the scores lie just above the threshold",
    "nothing_found": "nothing was found, which is rare on the judged frames",
    "fallback": "the endpoint told its caller not to rely on the answer",
}
"""What makes an edge case, and how people are told."""


@dataclass(frozen=True)
class EdgeCase:
    """One frame worth a label."""

    frame: CapturedFrame
    reason: str
    """A key of REASONS; the strongest."""
    strength: float
    """0 to 1 within its reason."""
    suggested: Detections
    """Labels to begin with."""
    agreement: float | None = None


@dataclass(frozen=True)
class Rules:
    """What counts as doubtful for one model."""

    score_threshold: float
    empty_is_rare: bool
    """Few of the judged frames are without any detection."""


def candidates(frames: Iterable[CapturedFrame], rules: Rules) -> list[EdgeCase]:
    """All frames with a reason, in the order of the traffic."""
    found = (edge_case(frame, rules) for frame in frames)
    return [one for one in found if one is not None]


def edge_case(frame: CapturedFrame, rules: Rules, agreement: float | None = None,
              seen: Detections | None = None) -> EdgeCase | None:  # fmt: skip
    """The strongest reason to label this frame, or None.

    Args:
        agreement: of a second look at it, where the answer carries none.
        seen: what that look found in any; suggested where the answer holds no boxes.
    """
    answer = frame.answer
    if answer is None:
        return None
    agreed = answer.agreement if answer.agreement is not None else agreement
    boxes = answer.found if answer.has_boxes or seen is None else seen
    case = EdgeCase(frame, "", 0.0, boxes, agreed)
    if agreed is not None and (agreed < AGREEMENT or answer.fallback == "uncertain"):
        return replace(case, reason="disagreement", strength=1 - agreed)
    if not answer.has_boxes:
        return replace(case, reason="fallback", strength=1.0 if answer.fallback.startswith(("model", "no_")) else 0.0)
    if not len(boxes):
        # A caller who asked for some classes only was told nothing about the others.
        return replace(case, reason="nothing_found", strength=0.5) if rules.empty_is_rare and answer.is_usual else None
    doubt = float(np.mean(doubts(boxes.scores, rules.score_threshold)))
    return replace(case, reason="low_confidence", strength=doubt) if doubt >= DOUBT else None


def doubts(scores: np.ndarray, score_threshold: float) -> np.ndarray:
    """1 at the threshold and below, falling to 0 at DOUBT_WIDTH above it."""
    return np.clip(1 - (scores.astype(np.float64) - score_threshold) / DOUBT_WIDTH, 0, 1)


def choose(cases: Sequence[EdgeCase], most: int, known: Sequence[int] = ()) -> list[EdgeCase]:
    """At most `most` different scenes, the reasons in turn, the strongest of each first.

    Args:
        known: fingerprints of frames that were offered before; what looks like one of them is left out.
    """
    kept: list[EdgeCase] = []
    before = np.array(known, np.uint64)
    for case in _in_turn(cases):
        if len(kept) >= most:
            break
        if not _is_near(case.frame.looks, before):
            kept.append(case)
            before = np.append(before, np.uint64(case.frame.looks))
    return kept


def _in_turn(cases: Sequence[EdgeCase]) -> Iterator[EdgeCase]:
    """No reason crowds out the others."""
    by_reason = [sorted((one for one in cases if one.reason == reason), key=lambda one: -one.strength)
                 for reason in REASONS]  # fmt: skip
    for row in zip_longest(*by_reason):
        yield from (one for one in row if one is not None)


def distinct(frames: Sequence[CapturedFrame], known: Sequence[int] = ()) -> list[CapturedFrame]:
    """The first frame of each scene that is not among the `known` fingerprints."""
    kept: list[CapturedFrame] = []
    seen = np.array(known, np.uint64)
    for frame in frames:
        if not _is_near(frame.looks, seen):
            kept.append(frame)
            seen = np.append(seen, np.uint64(frame.looks))
    return kept


def _is_near(looks: int, others: np.ndarray) -> bool:
    return bool(len(others)) and int(np.bitwise_count(others ^ np.uint64(looks)).min()) <= SAME_BITS
