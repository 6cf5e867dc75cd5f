"""KITTI's rows of a scene, from what the depth buffer shows. Source: KITTI object devkit, readme.txt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workloads.kitti.geometry import corners
from workloads.scenes.layout import Thing
from workloads.scenes.picture import SAMPLES
from workloads.scenes.raster import buffers, rasterise, sampled

VISIBLE_SHARES = ((0.85, 0), (0.5, 1), (0.35, 2))
"""At least that share of the silhouette within the image is seen: occluded 0, 1, 2. Below: an ignore region."""
LEAST_HEIGHT_PX, LEAST_SEEN_PX = 15.0, 8.0
"""Lower things, and things of which less is seen, are ignore regions, or nothing where next to nothing is seen."""
MOST_TRUNCATED = 0.92
NEAREST_CORNER_M = 0.5
SILHOUETTE_SAMPLES = 400.0
"""A silhouette that leaves the image is counted on a grid of at most that many samples a side."""


def rows(things: Sequence[Thing], faces: Sequence[np.ndarray], owners: np.ndarray, projection: np.ndarray,
         height: int, width: int) -> list[str]:  # fmt: skip
    """The lines of `label_2/NNNNNN.txt`, near things first, ignore regions last.

    Args:
        things: what may be labelled.
        faces: the (n, 3, 3) triangles of each, camera frame.
        owners: (h * SAMPLES, w * SAMPLES) int, the thing seen at each sample, or -1.
        projection: (3, 4) of the image.
    """
    seen = np.bincount(owners[owners >= 0], minlength=len(things))
    labelled, ignored = [], []
    for number in sorted(range(len(things)), key=lambda one: things[one].box_camera[5]):
        if not seen[number]:
            continue
        row = _row(things[number], faces[number], int(seen[number]), projection, height, width)
        if row is not None:
            labelled.append(row)
        elif seen[number] >= LEAST_SEEN_PX * SAMPLES**2:
            ignored.append(_ignore_region(owners == number, height, width))
    return labelled + ignored


def image_box(box_camera: np.ndarray, projection: np.ndarray) -> np.ndarray:
    """(4,) left, top, right, bottom in pixels, not clipped, of a (7,) box that lies ahead of the camera."""
    scaled = corners(box_camera) @ projection[:, :3].T + projection[:, 3]
    pixels = scaled[:, :2] / scaled[:, 2:]
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])


def clipped(box: np.ndarray, height: int, width: int) -> np.ndarray:
    """(4,) within 0..width-1, 0..height-1, as KITTI's labels are."""
    return np.clip(box, 0.0, [width - 1, height - 1, width - 1, height - 1])


def _row(thing: Thing, faces: np.ndarray, seen: int, projection: np.ndarray, height: int, width: int) -> str | None:
    """The thing's line, or None where it is no more than an ignore region."""
    box = thing.box_camera
    if corners(box)[:, 2].min() < NEAREST_CORNER_M:
        return None
    whole = image_box(box, projection)
    part = clipped(whole, height, width)
    truncated = 0.0 if np.array_equal(whole, part) else _truncated(faces, whole, projection, height, width)
    share = min(1.0, seen / max(1, _samples_alone(faces, part, projection)))
    occluded = next((level for least, level in VISIBLE_SHARES if share >= least), None)
    low = part[3] - part[1] < LEAST_HEIGHT_PX
    if occluded is None or low or truncated > MOST_TRUNCATED or seen < LEAST_SEEN_PX * SAMPLES**2:
        return None
    alpha = (box[6] - np.arctan2(box[3], box[5]) + np.pi) % (2 * np.pi) - np.pi
    numbers = [*part, *box[:6], box[6]]
    return f"{thing.kind} {truncated:.2f} {occluded} {alpha:.2f} " + " ".join(f"{number:.2f}" for number in numbers)


def _samples_alone(faces: np.ndarray, box: np.ndarray, projection: np.ndarray) -> int:
    """Samples of the picture's own grid the thing would cover if nothing stood before it."""
    left, top = np.floor(box[:2])
    wide, high = (np.floor(box[2:]) - (left, top)).astype(int) + 2
    inverse_depth, front = buffers(high * SAMPLES, wide * SAMPLES)
    rasterise(faces, sampled(projection, SAMPLES, left, top), inverse_depth, front)
    return int((front >= 0).sum())


def _truncated(faces: np.ndarray, box: np.ndarray, projection: np.ndarray, height: int, width: int) -> float:
    """The share of the silhouette that lies outside the image."""
    size = box[2:] - box[:2]
    samples = min(SAMPLES, SILHOUETTE_SAMPLES / size.max())
    wide, high = np.ceil(size * samples).astype(int) + 1
    inverse_depth, front = buffers(high, wide)
    rasterise(faces, sampled(projection, samples, box[0], box[1]), inverse_depth, front)
    v, u = (front >= 0).nonzero()
    u, v = box[0] + (u + 0.5) / samples, box[1] + (v + 0.5) / samples
    within = (u > -0.5) & (u < width - 0.5) & (v > -0.5) & (v < height - 0.5)
    return 1.0 - float(within.mean()) if len(u) else 0.0


def _ignore_region(mask: np.ndarray, height: int, width: int) -> str:
    """A DontCare line around what is seen of a thing."""
    v, u = mask.nonzero()
    box = clipped(np.array([u.min(), v.min(), u.max() + 1, v.max() + 1]) / SAMPLES - 0.5, height, width)
    return "DontCare -1 -1 -10 " + " ".join(f"{number:.2f}" for number in box) + " -1 -1 -1 -1000 -1000 -1000 -10"
