"""Cars and vans of some bodies, each built once and then stretched and painted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from workloads.scenes.meshes import PAINT, Mesh, Surface, block, colour, disc, fit, join, limb, loft, panel

PAINT_COAT = Surface(colour("#808890"), 0.35, 0.10, PAINT)
GLASS = Surface(colour("#1b2329"), 0.08, 0.38)
RUBBER = Surface(colour("#17181a"), 0.06)
TRIM = Surface(colour("#232528"), 0.10)
RIM = Surface(colour("#a9aeb3"), 0.55, 0.05)
PLATE = Surface(colour("#f1f1ea"), 0.98)
TAIL_LIGHT = Surface(colour("#c1121f"), 0.85)
HEAD_LIGHT = Surface(colour("#f3f5ee"), 0.80, 0.05)
LIFT = 0.012


@dataclass(frozen=True)
class Body:
    """A side view, in shares of length (from -0.5, the rear) and height."""

    size: tuple[float, float, float]
    """Length, height, width the shares were drawn for, metres."""
    outline: tuple[tuple[float, float], ...]
    """The lower body, convex, from the rear's foot over the belt line to the front's foot."""
    cabin_foot: tuple[float, float]
    cabin_roof: tuple[float, float]
    belt: float
    pillars: tuple[float, ...]
    """Where the side windows end, shares of the cabin."""


LOW = ((-0.485, 0.17), (-0.5, 0.34), (-0.49, 0.56))
BODIES = {
    "hatch": Body((3.9, 1.5, 1.68), (*LOW, (-0.46, 0.63), (0.2, 0.63), (0.43, 0.54), (0.5, 0.44), (0.49, 0.17)),
                  (-0.475, 0.235), (-0.385, 0.06), 0.62, (0.08, 0.42, 0.9)),
    "sedan": Body((4.5, 1.45, 1.75), (*LOW, (-0.47, 0.63), (0.17, 0.62), (0.42, 0.56), (0.5, 0.45), (0.49, 0.17)),
                  (-0.37, 0.2), (-0.2, 0.04), 0.61, (0.14, 0.5, 0.88)),
    "estate": Body((4.6, 1.5, 1.76), (*LOW, (-0.475, 0.63), (0.18, 0.62), (0.43, 0.55), (0.5, 0.45), (0.49, 0.17)),
                   (-0.485, 0.2), (-0.43, 0.05), 0.61, (0.06, 0.36, 0.64, 0.92)),
    "suv": Body((4.4, 1.72, 1.84), (*LOW, (-0.475, 0.62), (0.22, 0.62), (0.44, 0.57), (0.5, 0.46), (0.49, 0.17)),
                (-0.475, 0.24), (-0.42, 0.1), 0.61, (0.07, 0.38, 0.66, 0.93)),
}  # fmt: skip
VAN = Body((5.0, 2.1, 1.95), ((-0.495, 0.14), (-0.5, 0.3), (-0.5, 0.56), (-0.49, 0.6), (0.4, 0.56), (0.47, 0.47),
           (0.5, 0.32), (0.49, 0.14)), (-0.497, 0.43), (-0.48, 0.24), 0.55, (0.66, 0.92))  # fmt: skip
WHEEL_PLACE, WHEEL_RADIUS_M, WHEEL_WIDTH_M = 0.31, 0.32, 0.22


@cache
def vehicle(body: str) -> Mesh:
    """The named body (a key of `BODIES`, or "van"), in its own size."""
    return _build(VAN if body == "van" else BODIES[body], van=body == "van")


def _build(body: Body, *, van: bool) -> Mesh:
    length, height, width = body.size
    half = width / 2 - 0.02
    outline = [(length * x, height * y) for x, y in body.outline]
    flat = [(x, y, half) for x, y in outline]
    parts = [loft([(x, y, -z) for x, y, z in flat], flat, PAINT_COAT)]
    parts += _cabin(body, half)
    parts += _ends(outline, half, height)
    for place in (-WHEEL_PLACE, WHEEL_PLACE):
        for side in (-1, 1):
            parts += _wheel(place * length, side, half)
    parts.append(
        block((-0.36 * length, 0.36 * length), (0.1 * height, 0.2 * height), (-0.4 * width, 0.4 * width), TRIM)
    )
    for side in (-1, 1):  # a sill, and mirrors
        face = [(-0.2 * length, 0.17 * height, side * half), (0.2 * length, 0.17 * height, side * half),
                (0.2 * length, 0.24 * height, side * half), (-0.2 * length, 0.24 * height, side * half)]  # fmt: skip
        parts.append(panel(face, (0, 1), (0, 1), TRIM, side * LIFT))
        mirror = 0.17 * length
        parts.append(block((mirror, mirror + 0.1), (0.62 * height, 0.7 * height),
                           (side * half, side * (half + 0.02)), PAINT_COAT))  # fmt: skip
    return fit(join(parts), (length, height, width))


def _cabin(body: Body, half: float) -> list[Mesh]:
    """The roof on its foot, and the glass all around it."""
    length, height, _ = body.size
    (rear, front), (roof_rear, roof_front) = body.cabin_foot, body.cabin_roof
    low, high, inner = body.belt * height, height, half * 0.8
    foot = [(rear * length, low, -half * 0.97), (front * length, low, -half * 0.97),
            (front * length, low, half * 0.97), (rear * length, low, half * 0.97)]  # fmt: skip
    roof = [(roof_rear * length, high, -inner), (roof_front * length, high, -inner),
            (roof_front * length, high, inner), (roof_rear * length, high, inner)]  # fmt: skip
    parts = [loft(foot, roof, PAINT_COAT)]
    sides = ([foot[0], foot[1], roof[1], roof[0]], [foot[3], foot[2], roof[2], roof[3]])
    for face, outwards in zip(sides, (-1, 1), strict=True):
        for start, end in zip(body.pillars, body.pillars[1:], strict=False):
            parts.append(panel(face, (start + 0.02, end - 0.02), (0.12, 0.84), GLASS, outwards * LIFT))
    parts.append(panel([foot[2], foot[1], roof[1], roof[2]], (0.06, 0.94), (0.1, 0.9), GLASS, LIFT))
    parts.append(panel([foot[0], foot[3], roof[3], roof[0]], (0.09, 0.91), (0.18, 0.86), GLASS, LIFT))
    return parts


def _ends(outline: list[tuple[float, float]], half: float, height: float) -> list[Mesh]:
    """Lights, bumper and plate at the rear; lights, grille and plate at the front."""
    (x0, y0), (x1, y1), (x2, y2) = outline[:3]
    rear_low = [(x0, y0, -half), (x0, y0, half), (x1, y1, half), (x1, y1, -half)]
    rear_high = [(x1, y1, -half), (x1, y1, half), (x2, y2, half), (x2, y2, -half)]
    (x3, y3), (x4, y4) = outline[-1], outline[-2]
    front = [(x3, y3, half), (x3, y3, -half), (x4, y4, -half), (x4, y4, half)]
    plate = 0.26 / half / 2
    parts = [panel(rear_low, (0.02, 0.98), (0.0, 0.45), TRIM, LIFT)]
    parts += [panel(rear_high, ends, (0.25, 0.98), TAIL_LIGHT, LIFT) for ends in ((0.03, 0.17), (0.83, 0.97))]
    parts.append(panel(rear_high, (0.5 - plate, 0.5 + plate), (0.18, 0.18 + 0.12 / max(y2 - y1, 0.12)), PLATE, LIFT))
    parts += [panel(front, ends, (0.66, 0.93), HEAD_LIGHT, LIFT) for ends in ((0.04, 0.24), (0.76, 0.96))]
    parts.append(panel(front, (0.3, 0.7), (0.6, 0.85), TRIM, LIFT))
    parts.append(panel(front, (0.02, 0.98), (0.0, 0.3), TRIM, LIFT))
    parts.append(panel(front, (0.5 - plate, 0.5 + plate), (0.34, 0.34 + 0.11 / (0.3 * height)), PLATE, 2 * LIFT))
    return parts


def _wheel(place: float, side: int, half: float) -> list[Mesh]:
    """A tyre below the body, its arch and rim painted on the side."""
    outer, inner = side * (half - 0.01), side * (half - WHEEL_WIDTH_M)
    axle = WHEEL_RADIUS_M
    return [
        limb((place, axle, inner), (place, axle, outer), (WHEEL_RADIUS_M, WHEEL_RADIUS_M), RUBBER, sides=12),
        disc((place, axle + 0.02, side * (half + 0.006)), WHEEL_RADIUS_M * 1.14, TRIM, 14),
        disc((place, axle, side * (half + 0.012)), WHEEL_RADIUS_M, RUBBER, 14),
        disc((place, axle, side * (half + 0.018)), WHEEL_RADIUS_M * 0.62, RIM, 10),
    ]
