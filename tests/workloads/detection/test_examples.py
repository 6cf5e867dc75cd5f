"""Which frames are shown."""

from __future__ import annotations

import numpy as np

from workloads.detection.examples import choose
from workloads.detection.matching import Matches


def test_worst_frames_are_drawn_beside_the_first():
    """Twelve frames of one box each: number 10 is missed, frame 9 has two false alarms."""
    frames = np.arange(12)
    missed = np.where(frames == 10, -np.inf, 0.9).astype(np.float32)
    matches = Matches(np.ones(2, np.float32), np.zeros(2, int), np.zeros(2, np.int8), np.array([9, 9]),
                      np.zeros(12, int), missed, frames, np.zeros(12, int))  # fmt: skip
    chosen = choose(matches, 12, 0.3, first=2, worst=4)
    assert [(one.place, one.found, one.missed, one.wrong, one.reason) for one in chosen] == [
        (0, 1, 0, 0, "first"), (1, 1, 0, 0, "first"), (9, 1, 0, 2, "worst"), (10, 0, 1, 0, "worst")]  # fmt: skip
