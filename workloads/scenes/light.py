"""The light of a scene: time of day, weather, and how the camera takes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from workloads.scenes.meshes import Mesh, colour


class Sky(NamedTuple):
    """Colours are BGR 0..1; `sun` is a unit vector to the sun (camera frame, y down)."""

    sun: tuple[float, float, float]
    sun_strength: float
    ambient: float
    tint: tuple[float, float, float]
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    haze_m: float
    """Where haze hides 63 % of a thing."""
    clouds: float
    phase: float


@dataclass(frozen=True)
class Light:
    """`sky` lights the scene; the rest happens in the camera."""

    name: str
    sky: Sky
    gain: float
    contrast: float
    blur_px: float
    noise: float


@dataclass(frozen=True)
class _Day:
    share: float
    elevation: tuple[float, float]
    sun: float
    ambient: float
    tint: str
    low: str
    high: str
    haze_m: float
    clouds: float
    gain: float


DAYS = {
    "clear": _Day(0.40, (35, 60), 0.72, 0.56, "#fff6e6", "#cfe0ee", "#5b8fc9", 260, 0.35, 1.0),
    "low sun": _Day(0.20, (14, 24), 0.80, 0.42, "#ffdcae", "#f0d9b8", "#7d9cc4", 200, 0.30, 1.0),
    "overcast": _Day(0.28, (40, 60), 0.14, 1.02, "#f2f4f6", "#dfe3e6", "#b4bdc6", 170, 0.2, 1.0),
    "dusk": _Day(0.12, (8, 14), 0.2, 0.58, "#cbd0ee", "#c8a796", "#4c5a86", 130, 0.30, 0.82),
}
"""Kinds of daylight, and how often each comes."""


def light_of(rng: np.random.Generator, name: str | None = None) -> Light:
    """A light at random, of the kind `name` (a key of `DAYS`) where one is given."""
    names = list(DAYS)
    drawn = names[int(rng.choice(len(names), p=[day.share for day in DAYS.values()]))]
    name = drawn if name is None else name
    day = DAYS[name]
    rise, turn = np.radians(rng.uniform(*day.elevation)), rng.uniform(0, 2 * np.pi)
    sun = (float(np.cos(rise) * np.sin(turn)), float(-np.sin(rise)), float(np.cos(rise) * np.cos(turn)))
    sky = Sky(sun, day.sun * rng.uniform(0.85, 1.1), day.ambient, _bgr(day.tint), _bgr(day.low), _bgr(day.high),
              day.haze_m * rng.uniform(0.8, 1.25), day.clouds, float(rng.uniform(0, 100)))  # fmt: skip
    light = Light(name, sky, day.gain, 1.0, 0.0, 0.0)
    return replace(light, gain=light.gain * rng.uniform(0.85, 1.12), contrast=rng.uniform(0.88, 1.1),
                   blur_px=max(0.0, rng.uniform(-0.3, 0.75)), noise=rng.uniform(0.004, 0.014))  # fmt: skip


def _bgr(code: str) -> tuple[float, float, float]:
    blue, green, red = colour(code)
    return float(blue), float(green), float(red)


def shade(triangles_camera: np.ndarray, mesh: Mesh, sky: Sky) -> np.ndarray:
    """(n, 3) float32: what each flat face sends to the camera, from sun, sky and a little mirrored sky."""
    a, b, c = (triangles_camera[:, corner] for corner in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    view = a  # the corner all triangles of a polygon share: they must not differ in what they mirror
    view = view / np.maximum(np.linalg.norm(view, axis=1, keepdims=True), 1e-9)
    normals *= np.where(np.einsum("ij,ij->i", normals, view) > 0, -1.0, 1.0)[:, None]
    sunny = np.maximum(normals @ np.array(sky.sun), 0.0)
    open_sky = 0.72 - 0.28 * normals[:, 1]  # a face turned up sees the whole sky
    lit = mesh.colours * (sky.ambient * open_sky + sky.sun_strength * sunny)[:, None] * np.array(sky.tint)
    mirrored = view - 2 * np.einsum("ij,ij->i", view, normals)[:, None] * normals
    up = np.clip(-mirrored[:, 1], 0.0, 1.0)[:, None]
    seen = np.where(mirrored[:, 1:2] < 0, np.array(sky.low) * (1 - up) + np.array(sky.high) * up, 0.25 * sky.ambient)
    return (lit * (1 - mesh.gloss[:, None]) + seen * mesh.gloss[:, None]).astype(np.float32)
