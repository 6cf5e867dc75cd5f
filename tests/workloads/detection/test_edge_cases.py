"""Which frames a person is asked to label."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workloads.detection.captured import Answer, CapturedFrame, Place
from workloads.detection.detections import Detections
from workloads.detection.edge_cases import Rules, candidates, choose, distinct, doubts, edge_case

RULES = Rules(score_threshold=0.3, empty_is_rare=True)


def found(*scores: float) -> Detections:
    boxes = np.tile(np.float32([0, 0, 10, 10]), (len(scores), 1))
    return Detections(boxes, np.array(scores, np.float32), np.zeros(len(scores), np.int64))


def frame(*scores: float, looks: int = 0, number: int = 0, **answer) -> CapturedFrame:
    told = Answer(found(*scores), **answer)
    return CapturedFrame(Place(Path("a.jsonl"), number), "", (48, 64), {}, looks, told)


@pytest.mark.parametrize(
    ("one", "reason", "strength"),
    [
        (frame(0.9, 0.8), None, None),
        (frame(0.3, 0.4), "low_confidence", 0.75),
        (frame(0.9, 0.35), None, None),
        (frame(), "nothing_found", 0.5),
        (frame(0.9, agreement=0.4), "disagreement", 0.6),
        (frame(0.9, agreement=0.9), None, None),
        (frame(0.9, agreement=0.8, fallback="uncertain"), "disagreement", 0.2),
        (frame(fallback="no_number"), "fallback", 1.0),
        (frame(fallback="too_slow"), "fallback", 0.0),
        (frame(is_usual=False), None, None),
    ],
    ids=["sure", "doubtful", "mostly sure", "empty", "disagree", "agree", "uncertain", "no number", "slow", "asked"],
)
def test_reason_to_label_a_frame(one, reason, strength):
    """By hand: scores 0.3 and 0.4 lie 0 and half of the doubtful width above 0.3, so doubts are 1 and 0.5."""
    case = edge_case(one, RULES)
    assert (case and case.reason) == reason
    assert (case and case.strength) == (strength if strength is None else pytest.approx(strength))


def test_doubt_falls_from_one_at_the_threshold_to_none():
    np.testing.assert_allclose(doubts(np.array([0.2, 0.3, 0.4, 0.5, 0.9]), 0.3), [1, 1, 0.5, 0, 0], atol=1e-9)


def test_empty_frame_is_nothing_special_where_many_are():
    assert edge_case(frame(), replace(RULES, empty_is_rare=False)) is None


def test_frame_without_a_readable_answer_is_left_out():
    assert edge_case(replace(frame(0.4), answer=None), RULES) is None


def test_second_look_finds_what_one_answer_cannot_show():
    case = edge_case(frame(0.9), RULES, agreement=0.5)
    assert (case.reason, case.agreement) == ("disagreement", 0.5)
    case = edge_case(frame(fallback="too_slow"), RULES, agreement=1.0, seen=found(0.8))
    assert (case.reason, case.suggested.scores.tolist()) == ("fallback", pytest.approx([0.8]))


def spaced(count: int) -> list[int]:
    """Fingerprints that differ in 16 bits at least."""
    return [0xFFFF << (16 * place) for place in range(count)]


def test_reasons_take_turns_so_that_none_crowds_out_the_others():
    far = spaced(4)
    frames = [frame(0.3, looks=far[0]), frame(0.31, looks=far[1]), frame(0.9, agreement=0.1, looks=far[2]),
              frame(fallback="too_slow", looks=far[3])]  # fmt: skip
    chosen = choose(candidates(frames, RULES), most=3)
    assert [one.reason for one in chosen] == ["disagreement", "low_confidence", "fallback"]
    assert chosen[1].strength == pytest.approx(1, abs=1e-6)


def test_alike_frames_are_offered_once_and_known_ones_never_again():
    frames = [frame(0.3, looks=0), frame(0.32, looks=0b111), frame(0.34, looks=0xFF << 20)]
    cases = candidates(frames, RULES)
    assert [one.frame.looks for one in choose(cases, 9)] == [0, 0xFF << 20]
    assert [one.frame.looks for one in choose(cases, 9, known=[0b1])] == [0xFF << 20]
    assert choose(cases, 0) == []


def test_distinct_scenes_are_the_first_of_each():
    frames = [frame(looks=0), frame(looks=1), frame(looks=0xFFFF), frame(looks=0xFFFF ^ 0b11)]
    assert [one.looks for one in distinct(frames)] == [0, 0xFFFF]
    assert [one.looks for one in distinct(frames, known=[0])] == [0xFFFF]
