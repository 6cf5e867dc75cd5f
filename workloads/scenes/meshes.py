"""Triangles with colours, and the few solids every thing of a street is made of.

Local frame of a thing: x ahead, y up from the ground, z to its side; metres, or any unit before `fit`.
Faces need no winding: the shading turns every normal to the viewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FIXED, PAINT, SECOND, THIRD = 0, 1, 2, 3
"""Slots of `Mesh.slots`: a fixed colour, or one that `painted` replaces."""


@dataclass(frozen=True)
class Mesh:
    """`triangles` (n, 3, 3); `colours` (n, 3) BGR 0..1; `reflectance` (n,) for the scanner; `gloss` (n,) the share of
    mirrored sky; `slots` (n,) which colour of the thing this is."""

    triangles: np.ndarray
    colours: np.ndarray
    reflectance: np.ndarray
    gloss: np.ndarray
    slots: np.ndarray

    def __len__(self) -> int:
        return len(self.triangles)

    def painted(self, *colours: np.ndarray) -> Mesh:
        """The same thing in other colours, one for each slot from `PAINT` on."""
        replaced = self.colours.copy()
        for slot, colour in enumerate(colours, PAINT):
            replaced[self.slots == slot] = colour
        return Mesh(self.triangles, replaced, self.reflectance, self.gloss, self.slots)


@dataclass(frozen=True)
class Surface:
    """What a face is made of."""

    colour: np.ndarray
    reflectance: float = 0.3
    gloss: float = 0.0
    slot: int = FIXED


def colour(code: str) -> np.ndarray:
    """(3,) float32 BGR 0..1 of `#rrggbb`."""
    red, green, blue = (int(code[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return np.array([blue, green, red], np.float32)


def join(parts: Sequence[Mesh]) -> Mesh:
    return Mesh(*(np.concatenate([getattr(part, name) for part in parts]) for name in Mesh.__dataclass_fields__))


def polygons(faces: Sequence[Sequence | np.ndarray], surface: Surface) -> Mesh:
    """Convex faces, each a list of at least three (x, y, z)."""
    fans = [np.asarray(face, np.float64) for face in faces]
    triangles = np.concatenate([np.stack([np.broadcast_to(fan[0], fan[1:-1].shape), fan[1:-1], fan[2:]], axis=1)
                                for fan in fans])  # fmt: skip
    count = len(triangles)
    return Mesh(triangles, np.tile(surface.colour, (count, 1)), np.full(count, surface.reflectance, np.float32),
                np.full(count, surface.gloss, np.float32), np.full(count, surface.slot, np.int8))  # fmt: skip


def loft(lower: Sequence, upper: Sequence, surface: Surface) -> Mesh:
    """The solid between two outlines of n points each: its sides and both ends."""
    low, high = np.asarray(lower, np.float64), np.asarray(upper, np.float64)
    after = np.roll(np.arange(len(low)), -1)
    sides = [(low[i], low[j], high[j], high[i]) for i, j in enumerate(after)]
    return polygons([*sides, low, high], surface)


def block(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float], surface: Surface) -> Mesh:
    """A box from corner to corner."""
    base = [(x[0], z[0]), (x[1], z[0]), (x[1], z[1]), (x[0], z[1])]
    return loft([(a, y[0], b) for a, b in base], [(a, y[1], b) for a, b in base], surface)


def limb(start: Sequence[float], end: Sequence[float], radii: tuple[float, float], surface: Surface, sides: int = 6
         ) -> Mesh:  # fmt: skip
    """A cone's piece around the segment from `start` to `end`: an arm, a leg, a post, a trunk."""
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    axis = (b - a) / np.linalg.norm(b - a)
    aside = np.cross(axis, [0.0, 0, 1] if abs(axis[2]) < 0.9 else [1.0, 0, 0])
    aside /= np.linalg.norm(aside)
    angles = 2 * np.pi * np.arange(sides) / sides
    ring = np.cos(angles)[:, None] * aside + np.sin(angles)[:, None] * np.cross(axis, aside)
    return loft(a + radii[0] * ring, b + radii[1] * ring, surface)


def ball(centre: Sequence[float], radii: Sequence[float], surface: Surface, bands: int = 4, sides: int = 7,
         jitter: np.ndarray | None = None) -> Mesh:  # fmt: skip
    """An ellipsoid of flat faces; `jitter` (bands + 1, sides) scales the distance of each of its corners."""
    rise = np.pi * np.arange(bands + 1) / bands - np.pi / 2
    turn = 2 * np.pi * np.arange(sides) / sides
    unit = np.stack([np.cos(rise)[:, None] * np.cos(turn), np.repeat(np.sin(rise)[:, None], sides, 1),
                     np.cos(rise)[:, None] * np.sin(turn)], axis=-1)  # fmt: skip
    if jitter is not None:
        unit = unit * jitter[..., None]
        unit[0], unit[-1] = unit[0].mean(axis=0), unit[-1].mean(axis=0)
    grid = np.asarray(centre) + unit * np.asarray(radii)
    after = np.roll(np.arange(sides), -1)
    return polygons([(grid[i, j], grid[i, k], grid[i + 1, k], grid[i + 1, j])
                     for i in range(bands) for j, k in enumerate(after)], surface)  # fmt: skip


def disc(centre: Sequence[float], radius: float, surface: Surface, sides: int = 12) -> Mesh:
    """A flat disc across z: a wheel seen from the side."""
    angles = 2 * np.pi * np.arange(sides) / sides
    x, y, z = centre
    return polygons([[(x + radius * np.cos(angle), y + radius * np.sin(angle), z) for angle in angles]], surface)


def panel(face: Sequence, u: tuple[float, float], v: tuple[float, float], surface: Surface, lift: float) -> Mesh:
    """A part of a four-cornered face, lifted off it: a window, a lamp, a plate.

    Args:
        face: corners a, b, c, d in order around; u runs from a to b (0..1), v from a to d.
        lift: distance along the face's normal (a-b cross a-d); its sign chooses the side.
    """
    a, b, c, d = (np.asarray(corner, np.float64) for corner in face)
    normal = np.cross(b - a, d - a)
    normal *= lift / np.linalg.norm(normal)

    def at(p: float, q: float) -> np.ndarray:
        return (1 - q) * ((1 - p) * a + p * b) + q * ((1 - p) * d + p * c) + normal

    return polygons([[at(u[0], v[0]), at(u[1], v[0]), at(u[1], v[1]), at(u[0], v[1])]], surface)


def fit(mesh: Mesh, size: Sequence[float], margin: float = 0.0) -> Mesh:
    """Stretched to length, height, width (x, y, z), `margin` short of each side; it stands on y = 0."""
    points = mesh.triangles.reshape(-1, 3)
    low, high = points.min(axis=0), points.max(axis=0)
    wanted = np.asarray(size, np.float64) - 2 * margin
    moved = (mesh.triangles - (low + high) / 2) * (wanted / (high - low))
    moved[..., 1] += np.asarray(size)[1] / 2
    return Mesh(moved, mesh.colours, mesh.reflectance, mesh.gloss, mesh.slots)


def stand(mesh: Mesh, box_camera: np.ndarray) -> np.ndarray:
    """(n, 3, 3) triangles in the camera frame of a thing fitted to the (7,) box h, w, l, x, y, z, rotation_y."""
    x, y, z, turn = box_camera[3:]
    along, up, aside = (mesh.triangles[..., axis] for axis in range(3))
    cos, sin = np.cos(turn), np.sin(turn)
    return np.stack([cos * along + sin * aside + x, y - up, cos * aside - sin * along + z], axis=-1)
