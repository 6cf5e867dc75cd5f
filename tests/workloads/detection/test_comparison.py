"""Rendered road scenes that stay as they were are no drift; darker, softer or emptier ones are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from workloads.detection import prediction_facts
from workloads.detection.captured import Answer, CapturedFrame, Place, Traffic
from workloads.detection.comparison import STANDARD, Baseline, compare
from workloads.detection.detections import Detections
from workloads.detection.frames import IMAGE_NAMES, describe_frame
from workloads.drift.decision import Policy

CLASSES = ("Car", "Pedestrian")
SIZE = (64, 200)
LIMITS = Policy.read({"minimum_rows": 20}, STANDARD)


@pytest.fixture(scope="module")
def scenes() -> list[tuple[np.ndarray, dict[str, float]]]:
    """12 rendered scenes, each in five more lights of its own, mirrored or not: 72 pictures, and what they measure."""
    from workloads.scenes.frame import render

    rendered = [render(3, number, *SIZE, steps=64).image for number in range(12)]
    gains = np.random.default_rng(0).uniform(0.85, 1.15, (5, len(rendered)))
    lit = [cv2.convertScaleAbs(one[:, :: (-1) ** place], alpha=gain)
           for place, row in enumerate(gains) for one, gain in zip(rendered, row, strict=True)]  # fmt: skip
    return [(image, describe_frame(image)) for image in rendered + lit]


def detections(rng: np.random.Generator, cars: float = 3.0, walkers: float = 1.0, sure: float = 0.75) -> Detections:
    """As many as come along, most of them surely seen."""
    classes = np.repeat([0, 1], rng.poisson([cars, walkers]))
    corners = rng.uniform(0, 40, (len(classes), 2))
    sides = rng.uniform(8, 24, (len(classes), 2))
    scores = np.clip(rng.normal(sure, 0.1, len(classes)), 0.3, 1)
    return Detections(np.hstack([corners, corners + sides]).astype(np.float32), scores.astype(np.float32), classes)


class Road:
    """Two halves of the same scenes: what the model was trained and judged on, and what it is sent."""

    def __init__(self, scenes: list[tuple[np.ndarray, dict[str, float]]], seed: int):
        self.rng = np.random.default_rng(seed)
        order = self.rng.permutation(len(scenes))
        self.sent = [scenes[place] for place in order[: len(order) // 2]]
        known = [scenes[place][1] for place in order[len(order) // 2 :]]
        light = {name: np.array([facts[name] for facts in known]) for name in IMAGE_NAMES}
        judged = [detections(self.rng) for _ in range(100)]
        told = prediction_facts.describe(judged, [SIZE] * 100, CLASSES, 0.3)
        self.baseline = Baseline(light, told)

    def traffic(self, change=None, fallback: str = "", **mix) -> Traffic:
        frames = [
            CapturedFrame(Place(Path("a"), place), "", SIZE, describe_frame(change(image)) if change else facts, place,
                          Answer(Detections.none() if fallback else detections(self.rng, **mix), fallback))
            for place, (image, facts) in enumerate(self.sent)
        ]  # fmt: skip
        return Traffic(frames, len(frames))

    def decide(self, traffic: Traffic):
        return compare(self.baseline, traffic, CLASSES, 0.3, LIMITS).decision


def test_unchanged_traffic_gives_a_false_alarm_at_most_once_in_a_hundred(scenes):
    """60 draws at a level of 0.01: three alarms or more would come once in 40 such tests."""
    alarms = [road.decide(road.traffic()).drifted for road in (Road(scenes, seed) for seed in range(60))]
    assert sum(alarms) < 3


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        (lambda image: cv2.convertScaleAbs(image, alpha=0.7), "brightness"),
        (lambda image: cv2.convertScaleAbs(image, alpha=1.3), "brightness"),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 1.0), "sharpness"),
        (lambda image: np.clip(image * [0.85, 1, 1.1], 0, 255).astype(np.uint8), "colour_blue"),
    ],
    ids=["darker", "brighter", "softer", "warmer"],
)
def test_changed_pictures_are_drift_and_the_cause_is_named(scenes, change, moved):
    road = Road(scenes, 0)
    decision = road.decide(road.traffic(change))
    assert decision.drifted
    assert moved in decision.scores
    assert "detections" not in decision.scores


@pytest.mark.parametrize(
    ("mix", "moved"),
    [
        ({"cars": 0.0, "walkers": 0.0}, "detections"),
        ({"sure": 0.5}, "mean_score"),
        ({"cars": 1.0, "walkers": 3.0}, "classes"),
        ({"cars": 9.0}, "detections_Car"),
    ],
    ids=["empty", "unsure", "other mix", "crowded"],
)
def test_changed_answers_are_drift_and_the_cause_is_named(scenes, mix, moved):
    road = Road(scenes, 1)
    decision = road.decide(road.traffic(**mix))
    assert decision.drifted
    assert moved in decision.scores
    assert not {"brightness", "sharpness"} & set(decision.scores)


def test_fallbacks_are_not_taken_for_empty_roads(scenes):
    road = Road(scenes, 2)
    compared = compare(road.baseline, road.traffic(fallback="too_slow"), CLASSES, 0.3, LIMITS)
    assert not compared.decision.drifted
    assert (len(compared.answered), compared.decision.rows) == (0, 36)


def test_few_frames_are_not_judged(scenes):
    road = Road(scenes, 3)
    road.sent = road.sent[:19]
    decision = road.decide(road.traffic(lambda image: image // 4))
    assert (decision.drifted, decision.message) == (False, "Not judged: 19 frames captured, 20 are needed.")


def test_without_predictions_only_the_pictures_are_compared(scenes):
    road = Road(scenes, 4)
    road.baseline = Baseline(road.baseline.light, None, "none")
    decision = road.decide(road.traffic(cars=0, walkers=0))
    assert {one.feature for one in decision.findings} == set(IMAGE_NAMES)
    assert not decision.drifted
