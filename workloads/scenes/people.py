"""Pedestrians and cyclists in a few poses."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np

from workloads.scenes.meshes import PAINT, SECOND, THIRD, Mesh, Surface, ball, colour, fit, join, limb

JACKET = Surface(colour("#555555"), 0.30, slot=PAINT)
TROUSERS = Surface(colour("#333344"), 0.22, slot=SECOND)
SKIN = Surface(colour("#d9a98a"), 0.40, slot=THIRD)
HAIR = Surface(colour("#2b211b"), 0.15)
SHOES = Surface(colour("#1e1e20"), 0.15)
TYRE = Surface(colour("#1a1a1b"), 0.10)
FRAME = Surface(colour("#2f3f55"), 0.45)
HELMET = Surface(colour("#e8e8e4"), 0.60)
POSES = 6
"""Poses of a step, from standing to a long stride."""
PEDALS = 4


@cache
def pedestrian(pose: int) -> Mesh:
    """Walking along x, 1.75 m tall before `fit`; `pose` 0..POSES-1 opens the stride."""
    stride = 0.06 + 0.07 * pose
    parts = [
        limb((0, 0.83, 0), (0.02, 1.12, 0), (0.17, 0.18), TROUSERS, 8),
        limb((0.01, 1.0, 0), (0.03, 1.44, 0), (0.18, 0.21), JACKET, 8),
        limb((0.03, 1.44, 0), (0.04, 1.53, 0), (0.20, 0.07), JACKET, 8),
        limb((0.04, 1.5, 0), (0.05, 1.58, 0), (0.06, 0.06), SKIN),
        ball((0.06, 1.65, 0), (0.10, 0.13, 0.09), SKIN),
        ball((0.035, 1.69, 0), (0.105, 0.105, 0.098), HAIR),
    ]
    for side, ahead in ((-1, 1), (1, -1)):
        hip, foot = (0, 0.88, side * 0.09), (ahead * stride, 0.07, side * 0.1)
        knee = ((foot[0] + 0.08) / 2 + 0.03, 0.48, side * 0.1)
        parts += [limb(hip, knee, (0.1, 0.075), TROUSERS), limb(knee, foot, (0.075, 0.055), TROUSERS)]
        parts.append(limb((foot[0] - 0.07, 0.05, foot[2]), (foot[0] + 0.17, 0.04, foot[2]), (0.05, 0.035), SHOES))
        shoulder, hand = (0.02, 1.4, side * 0.23), (-ahead * stride * 0.8 + 0.06, 0.84, side * 0.27)
        elbow = (hand[0] * 0.35 - 0.02, 1.12, side * 0.28)
        parts += [limb(shoulder, elbow, (0.068, 0.055), JACKET), limb(elbow, hand, (0.055, 0.042), JACKET)]
        parts.append(ball(hand, (0.05, 0.055, 0.04), SKIN, 3, 5))
    return fit(join(parts), (max(0.5, 2 * stride + 0.25), 1.75, 0.62))


@cache
def cyclist(pedal: int) -> Mesh:
    """Riding along x, 1.76 m long and 1.75 m high before `fit`; `pedal` 0..PEDALS-1 turns the crank."""
    parts = [*_wheel(-0.52), *_wheel(0.52)]
    crank, seat, bar = (-0.08, 0.30, 0), (-0.22, 0.93, 0), (0.38, 1.02, 0)
    for start, end in ((crank, seat), (crank, (0.33, 0.8, 0)), ((-0.18, 0.78, 0), (0.33, 0.82, 0)),
                       (crank, (-0.52, 0.34, 0)), ((-0.18, 0.78, 0), (-0.52, 0.34, 0)),
                       ((0.52, 0.34, 0), bar)):  # fmt: skip
        parts.append(limb(start, end, (0.028, 0.028), FRAME, 5))
    parts.append(limb((0.38, 1.02, -0.27), (0.38, 1.02, 0.27), (0.022, 0.022), TYRE, 5))
    parts.append(limb((-0.34, 0.95, 0), (-0.1, 0.95, 0), (0.09, 0.05), TYRE, 5))
    hip, chest = (-0.22, 1.02, 0), (0.06, 1.42, 0)
    parts += [
        limb(hip, chest, (0.16, 0.2), JACKET, 8),
        limb(chest, (0.13, 1.5, 0), (0.18, 0.06), JACKET, 8),
        ball((0.18, 1.6, 0), (0.1, 0.12, 0.09), SKIN),
        ball((0.16, 1.65, 0), (0.125, 0.1, 0.105), HELMET),
    ]
    for side in (-1, 1):
        turn = 2 * np.pi * pedal / (2 * PEDALS) + (np.pi if side > 0 else 0)
        foot = (crank[0] + 0.17 * np.cos(turn), crank[1] + 0.05 + 0.17 * np.sin(turn), side * 0.12)
        knee = (foot[0] * 0.3 + 0.2, 0.62 + (foot[1] - 0.3) * 0.6, side * 0.13)
        parts += [limb((hip[0], 1.0, side * 0.09), knee, (0.105, 0.075), TROUSERS)]
        parts += [limb(knee, foot, (0.075, 0.05), TROUSERS)]
        parts.append(limb((foot[0] - 0.08, foot[1], foot[2]), (foot[0] + 0.16, foot[1] - 0.01, foot[2]),
                          (0.045, 0.035), SHOES))  # fmt: skip
        elbow, hand = (0.16, 1.2, side * 0.27), (0.37, 1.06, side * 0.24)
        parts += [limb((0.07, 1.4, side * 0.19), elbow, (0.065, 0.05), JACKET)]
        parts += [limb(elbow, hand, (0.05, 0.04), SKIN)]
    return fit(join(parts), (1.76, 1.75, 0.6))


def _wheel(place: float, radius: float = 0.34, spokes: int = 12) -> list[Mesh]:
    angles = 2 * np.pi * np.arange(spokes + 1) / spokes
    rim = [(place + radius * np.cos(a), radius + 0.005 + radius * np.sin(a), 0) for a in angles]
    return [limb(start, end, (0.026, 0.026), TYRE, 4) for start, end in pairwise(rim)]
