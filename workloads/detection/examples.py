"""Frames to look at: the first ones, and those where most went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workloads.detection.detections import Detections
from workloads.detection.matching import WRONG, Matches
from workloads.detection.truth import Frame
from workloads.images.drawing import colour_of, draw_boxes

FIRST, WORST = 8, 4
ROOM_FOR_A_LABEL = 60
"""Pixels: words above smaller boxes would hide their neighbours, and the colour says it anyway."""
_WHITE, _MAGENTA = (255, 255, 255), (255, 0, 255)
"""Blue, green, red; no class has these."""


@dataclass(frozen=True)
class Example:
    """A frame worth looking at."""

    place: int
    """In the sequence of frames."""
    found: int
    missed: int
    wrong: int
    reason: str
    """`first` or `worst`."""


def choose(matches: Matches, frames: int, threshold: float, first: int = FIRST, worst: int = WORST) -> list[Example]:
    """The first frames, then the worst of the rest: most missed boxes and false alarms at the threshold."""
    hit = matches.truth_scores >= threshold
    alarms = (matches.states == WRONG) & (matches.scores >= threshold)
    found = np.bincount(matches.truth_frames[hit], minlength=frames)
    missed = np.bincount(matches.truth_frames[~hit], minlength=frames)
    wrong = np.bincount(matches.frames[alarms], minlength=frames)
    bad = np.argsort(-(missed + wrong), kind="stable")
    rest = [int(place) for place in bad if place >= first and missed[place] + wrong[place]][:worst]
    chosen = [(place, "first") for place in range(min(first, frames))] + [(place, "worst") for place in rest]
    return [Example(place, int(found[place]), int(missed[place]), int(wrong[place]), reason)
            for place, reason in chosen]  # fmt: skip


def draw(image: np.ndarray, frame: Frame, found: Detections, matches: Matches, place: int, threshold: float,
         classes: Sequence[str]) -> np.ndarray:  # fmt: skip
    """Labelled boxes dashed, white where found and magenta where missed; detections solid, each class its colour."""
    told = found.above(threshold)
    names = [f"{classes[code]} {score:.2f}" for code, score in zip(told.classes, told.scores, strict=True)]
    shown = draw_boxes(image, told.boxes_xyxy, names, [colour_of(int(code)) for code in told.classes])
    of_frame = matches.truth_frames == place
    hit = dict(zip(matches.truth_rows[of_frame], matches.truth_scores[of_frame] >= threshold, strict=True))
    rows = [row for row in range(len(frame.rows)) if not frame.ignored[row]]
    wide = frame.boxes_xyxy[:, 2] - frame.boxes_xyxy[:, 0] >= ROOM_FOR_A_LABEL
    labels = [f"missed {classes[frame.classes[row]]}" if wide[row] and not hit[row] else "" for row in rows]
    return draw_boxes(
        shown, frame.boxes_xyxy[rows], labels, [_WHITE if hit[row] else _MAGENTA for row in rows], dashed=True
    )
