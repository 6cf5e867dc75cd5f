"""What lies under a point of the ground plane: road, markings, kerb, pavement, grass.

The same function colours the picture's pixels and gives the scanner's points their reflectance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit


class Road(NamedTuple):
    """A road whose centre runs through x = offset + slope * z + bend * z^2 / 2 (camera frame, metres)."""

    offset: float
    slope: float
    bend: float
    half: float
    """From the centre to the kerb, parking lanes included."""
    parking: float
    """Width of the parking lane on each side; 0 without."""
    lanes: int
    """Driving lanes on each side."""
    pavement: float
    """Width of the pavement beyond the kerb; 0 gives grass at once."""
    crossing: float
    """Where another road crosses (z of its centre), or 0 for none."""
    crossing_half: float
    phase: float
    """Shifts dashes and grain, so that no two roads look alike."""

    @property
    def lane_width(self) -> float:
        return (self.half - self.parking) / self.lanes

    def centre(self, z: float) -> float:
        return self.offset + self.slope * z + self.bend * z * z / 2

    def heading(self, z: float) -> float:
        """rotation_y of a car that drives away from the camera along the road."""
        return float(-np.pi / 2 + np.arctan(self.slope + self.bend * z))


@njit(cache=True)
def _scatter(i: int, j: int) -> float:
    """A number in [0, 1) that depends on two integers only."""
    n = np.uint32(i * 374761393 + j * 668265263)
    n = np.uint32((n ^ (n >> np.uint32(13))) * np.uint32(1274126177))
    return np.float64((n ^ (n >> np.uint32(16))) & np.uint32(0xFFFF)) / 65536.0


@njit(cache=True)
def grain(x: float, z: float) -> float:
    """Smooth noise in [0, 1) with cells of one unit."""
    i, j = int(np.floor(x)), int(np.floor(z))
    a, b = x - i, z - j
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    near = _scatter(i, j) * (1 - a) + _scatter(i + 1, j) * a
    far = _scatter(i, j + 1) * (1 - a) + _scatter(i + 1, j + 1) * a
    return near * (1 - b) + far * b


@njit(cache=True)
def ground_at(x: float, z: float, road: Road) -> tuple[float, float, float, float]:
    """(blue, green, red, reflectance), each 0..1, of the ground at (x, z) metres in the camera frame."""
    aside = x - (road.offset + road.slope * z + road.bend * z * z / 2)
    edge = abs(aside)
    fine = max(0.0, 1.0 - abs(z) / 40.0)  # detail that a far pixel cannot hold would flicker
    crossing = road.crossing > 0 and abs(z - road.crossing) < road.crossing_half
    if edge < road.half or crossing:
        return _asphalt(x, z, aside, edge, road, crossing, fine)
    beyond = edge - road.half
    if beyond < 0.2:
        shade = 0.60 + 0.08 * fine * (grain(z * 1.5, 3.0) - 0.5)
        return shade * 0.96, shade * 0.98, shade, 0.35
    if beyond < 0.2 + road.pavement:
        joint = z - np.floor(z) < 0.05 or beyond - np.floor(beyond) < 0.05
        shade = 0.56 + 0.10 * (grain(x * 1.3 + road.phase, z * 1.3) - 0.5) - (0.10 * fine if joint else 0.0)
        return shade * 0.95, shade * 0.98, shade, 0.30
    wide = grain(x * 0.35 + road.phase, z * 0.35)
    blade = fine * (grain(x * 6.0, z * 6.0) - 0.5)
    return 0.20 + 0.06 * wide + 0.10 * blade, 0.40 + 0.12 * wide + 0.16 * blade, 0.28 + 0.14 * wide + 0.12 * blade, 0.40


@njit(cache=True)
def _asphalt(x: float, z: float, aside: float, edge: float, road: Road, crossing: bool, fine: float
             ) -> tuple[float, float, float, float]:  # fmt: skip
    shade = 0.36 + 0.07 * (grain(x * 0.4 + road.phase, z * 0.15) - 0.5) + 0.06 * fine * (grain(x * 9.0, z * 9.0) - 0.5)
    if not crossing:
        if edge > road.half - 0.3 and road.pavement > 0:
            shade -= 0.06  # the gutter
        if _marked(z, aside, edge, road):
            worn = 0.80 + 0.12 * grain(x * 3.0, z * 3.0)
            return worn, worn, worn, 0.75
    return shade * 1.03, shade * 1.01, shade, 0.15


@njit(cache=True)
def _marked(z: float, aside: float, edge: float, road: Road) -> bool:
    """Whether white paint lies there."""
    lane = (road.half - road.parking) / road.lanes
    if road.crossing > 0:
        before = road.crossing - road.crossing_half - z
        if before < 0:
            before = z - road.crossing - road.crossing_half
        if 0.6 < before < 3.4:  # a zebra crossing
            return edge < road.half - 0.3 and (aside + 50.0) % 1.0 < 0.5
        if 0.0 < before < 5.0:
            return 4.2 < before < 4.6 and edge < road.half - road.parking
    dash = (z + road.phase) % 9.0 < 4.0
    if edge < 0.08:
        return dash or road.lanes > 1
    for line in range(1, road.lanes):
        if abs(edge - line * lane) < 0.08:
            return dash
    if road.parking > 0:
        return abs(edge - road.lanes * lane) < 0.06
    return road.pavement == 0 and abs(edge - (road.half - 0.25)) < 0.08
