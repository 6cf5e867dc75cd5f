"""What stands beside a road: houses, trees, lamps, hedges. Nothing of it is labelled."""

from __future__ import annotations

from functools import cache

import numpy as np

from workloads.scenes.meshes import PAINT, SECOND, Mesh, Surface, ball, block, colour, join, limb, panel, polygons

WALL = Surface(colour("#c9b79c"), 0.40, slot=PAINT)
ROOF = Surface(colour("#7d4436"), 0.25, slot=SECOND)
WINDOW = Surface(colour("#3a4650"), 0.10, 0.30)
FRAME = Surface(colour("#e9e6dd"), 0.45)
DOOR = Surface(colour("#4a3526"), 0.25)
BARK = Surface(colour("#5b4a3a"), 0.25)
LEAVES = Surface(colour("#4f7a3a"), 0.45, slot=PAINT)
METAL = Surface(colour("#6d7377"), 0.50)
LAMP = Surface(colour("#eeeadb"), 0.50)
HEDGE = Surface(colour("#3f6233"), 0.45, slot=PAINT)
TREES, HOUSES = 6, 8


@cache
def house(kind: int) -> Mesh:
    """A house of 2 to 5 storeys; its front (z = 0) faces -z, it is deep along +z."""
    rng = np.random.default_rng([7001, kind])
    storeys, bays = int(rng.integers(2, 6)), int(rng.integers(3, 7))
    height, wide, deep = 3.0 * storeys + 0.6, 2.6 * bays, 9.0
    x = wide / 2
    parts = [block((-x, x), (0, height), (0, deep), WALL)]
    front = [(-x, 0, 0), (x, 0, 0), (x, height, 0), (-x, height, 0)]
    ends = ([(-x, 0, deep), (-x, 0, 0), (-x, height, 0), (-x, height, deep)],
            [(x, 0, 0), (x, 0, deep), (x, height, deep), (x, height, 0)])  # fmt: skip
    door = int(rng.integers(0, bays))
    for storey in range(storeys):
        v = ((3.0 * storey + 1.0) / height, (3.0 * storey + 2.5) / height)
        for bay in range(bays):
            u = ((bay + 0.28) / bays, (bay + 0.72) / bays)
            if storey == 0 and bay == door:
                parts.append(panel(front, u, (0.0, 2.3 / height), DOOR, -0.05))
                continue
            edge = 0.1 / wide
            parts.append(panel(front, (u[0] - edge, u[1] + edge), (v[0] - 0.1 / height, v[1] + 0.1 / height), FRAME,
                               -0.03))  # fmt: skip
            parts.append(panel(front, u, v, WINDOW, -0.06))
        for face in ends:
            parts += [panel(face, u, v, WINDOW, -0.05) for u in ((0.2, 0.34), (0.64, 0.78))]
    if rng.random() < 0.65:  # a gable roof, else a flat one
        low, top, over = height, height + rng.uniform(1.8, 3.2), 0.35
        ridge = [(-x - over, top, deep / 2), (x + over, top, deep / 2)]
        eaves = [[(-x - over, low, z), (x + over, low, z)] for z in (-over, deep + over)]
        parts.append(polygons([[*eaves[0], ridge[1], ridge[0]], [*eaves[1], ridge[1], ridge[0]]], ROOF))
        parts.append(
            polygons([[(s * x, low, 0), (s * x, low, deep), (s * x, top - 0.2, deep / 2)] for s in (-1, 1)], WALL)
        )
    else:
        parts.append(block((-x - 0.15, x + 0.15), (height, height + 0.35), (-0.15, deep), FRAME))
    return join(parts)


@cache
def tree(kind: int) -> Mesh:
    """A tree about 7 m high; two of the kinds are conifers."""
    rng = np.random.default_rng([7002, kind])
    if kind >= TREES - 2:
        parts = [limb((0, 0, 0), (0, 1.6, 0), (0.2, 0.18), BARK)]
        parts += [limb((0, low, 0), (0, high, 0), (wide, 0.05), LEAVES, 8)
                  for low, high, wide in ((1.2, 3.8, 1.7), (2.9, 5.4, 1.35), (4.5, 7.4, 0.95))]  # fmt: skip
        return join(parts)
    parts = [limb((0, 0, 0), (rng.uniform(-0.2, 0.2), 3.4, rng.uniform(-0.2, 0.2)), (0.2, 0.13), BARK)]
    for _ in range(4):
        centre = (rng.uniform(-1, 1), rng.uniform(3.6, 5.6), rng.uniform(-1, 1))
        parts.append(ball(centre, (rng.uniform(1.2, 1.9), rng.uniform(1.0, 1.6), rng.uniform(1.2, 1.9)), LEAVES, 5, 8,
                          rng.uniform(0.85, 1.12, (6, 8))))  # fmt: skip
    return join(parts)


@cache
def lamp() -> Mesh:
    """A street lamp, 6.2 m, its arm along -z (over the road)."""
    arm = limb((0, 6.0, 0), (0, 6.25, -1.5), (0.05, 0.04), METAL)
    head = block((-0.12, 0.12), (6.14, 6.24), (-2.0, -1.35), LAMP)
    return join([limb((0, 0, 0), (0, 6.0, 0), (0.09, 0.06), METAL), arm, head])


@cache
def sign() -> Mesh:
    """A round sign on a post, seen along x."""
    blue, white = Surface(colour("#1f4f9c"), 0.95), Surface(colour("#f2f2f2"), 0.95)
    angles = 2 * np.pi * np.arange(12) / 12
    face = [[(x, 2.3 + r * s, r * c) for c, s in zip(np.cos(angles), np.sin(angles), strict=True)]
            for x, r in ((-0.04, 0.34), (-0.055, 0.27))]  # fmt: skip
    return join(
        [limb((0, 0, 0), (0, 2.6, 0), (0.035, 0.035), METAL, 5), polygons([face[0]], white), polygons([face[1]], blue)]
    )


@cache
def hedge() -> Mesh:
    """A hedge of 6 m along x, 1.3 m high."""
    return block((-3.0, 3.0), (0.0, 1.3), (0.0, 0.8), HEDGE)
