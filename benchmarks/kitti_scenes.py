"""Label and result files as KITTI's validation set has them, made up: nothing of KITTI is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FRAMES = 3769
"""As many as the validation split; with 18 thousand truths and 68 thousand detections."""
TRUTHS_A_FRAME, FALSE_A_FRAME, FOUND = 4.8, 13.9, 0.85
_KINDS = ("Car", "Pedestrian", "Cyclist", "Van", "Truck", "Person_sitting", "DontCare")
_SHARES = (0.55, 0.14, 0.07, 0.07, 0.04, 0.01, 0.12)
_SIZES = {"Car": (1.5, 1.6, 3.9), "Pedestrian": (1.75, 0.65, 0.85), "Cyclist": (1.7, 0.6, 1.8), "Van": (2.1, 1.9, 5.0),
          "Truck": (3.2, 2.6, 10.0), "Person_sitting": (1.3, 0.6, 0.8)}  # fmt: skip
_FOCAL, _CENTRE, _IMAGE = 721.54, (609.56, 172.85), (1242.0, 375.0)
_DETECTED = ("Car", "Pedestrian", "Cyclist")


def write(folder: Path, frames: int = FRAMES, seed: int = 0) -> tuple[Path, Path, int, int]:
    """Write `labels/NNNNNN.txt` and `results/data/NNNNNN.txt`; (labels, results, truths, detections)."""
    labels, results = folder / "labels", folder / "results"
    labels.mkdir(parents=True)
    (results / "data").mkdir(parents=True)
    random = np.random.default_rng(seed)
    truths = detections = 0
    for frame in range(frames):
        rows, found = [], []
        for _ in range(random.poisson(TRUTHS_A_FRAME)):
            kind = str(random.choice(_KINDS, p=_SHARES))
            if kind == "DontCare":
                left, top = random.uniform(0, 1100), random.uniform(120, 200)
                box = (left, top, left + random.uniform(20, 120), top + random.uniform(15, 50))
                rows.append(f"DontCare -1 -1 -10 {_words(box)} -1 -1 -1 -1000 -1000 -1000 -10")
                continue
            place = _place(kind, random)
            truncated, occluded = float(random.choice((0, 0, 0, 0.2, 0.6))), int(random.choice((0, 0, 1, 2, 3)))
            rows.append(f"{kind} {truncated:.2f} {occluded} {_object(place)}")
            if random.random() < FOUND:
                kind = "Car" if kind in ("Van", "Truck") else "Pedestrian" if kind == "Person_sitting" else kind
                noise = random.normal(0, 1, 7) * (0.04, 0.04, 0.12, 0.08, 0.04, 0.15, 0.05)
                found.append(f"{kind} -1 -1 {_object(place + noise)} {random.beta(6, 2):.4f}")
        for _ in range(random.poisson(FALSE_A_FRAME)):
            kind = str(random.choice(_DETECTED, p=(0.6, 0.25, 0.15)))
            found.append(f"{kind} -1 -1 {_object(_place(kind, random))} {random.beta(1.3, 5):.4f}")
        (labels / f"{frame:06}.txt").write_text("\n".join(rows) + "\n" if rows else "")
        (results / "data" / f"{frame:06}.txt").write_text("\n".join(found) + "\n" if found else "")
        truths, detections = truths + len(rows), detections + len(found)
    return labels, results, truths, detections


def _place(kind: str, random: np.random.Generator) -> np.ndarray:
    """(7,) height, width, length, x, y, z, rotation_y: on the ground before the camera, and inside the picture."""
    size = np.array(_SIZES[kind]) * random.uniform(0.9, 1.1, 3)
    ahead = random.uniform(7, 60)
    across = random.uniform(-0.7, 0.7) * ahead
    return np.array([*size, across, random.normal(1.65, 0.1), ahead, random.uniform(-np.pi, np.pi)])


def _object(place: np.ndarray) -> str:
    """The columns alpha to rotation_y; the image box is that of the projected corners, cut at the picture."""
    height, width, length, x, y, z, turn = place
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    lx = np.array([1, 1, -1, -1, 1, 1, -1, -1]) * length / 2
    lz = np.array([1, -1, -1, 1, 1, -1, -1, 1]) * width / 2
    ly = np.array([0, 0, 0, 0, -1, -1, -1, -1]) * height
    depth = np.maximum(-np.sin(turn) * lx + np.cos(turn) * lz + z, 1.0)
    u = np.clip(_FOCAL * (np.cos(turn) * lx + np.sin(turn) * lz + x) / depth + _CENTRE[0], 0, _IMAGE[0] - 1)
    v = np.clip(_FOCAL * (ly + y) / depth + _CENTRE[1], 0, _IMAGE[1] - 1)
    alpha = (turn - np.arctan2(x, z) + np.pi) % (2 * np.pi) - np.pi
    return f"{alpha:.2f} {_words((u.min(), v.min(), u.max(), v.max(), height, width, length, x, y, z, turn))}"


def _words(numbers: tuple[float, ...]) -> str:
    return " ".join(f"{number:.2f}" for number in numbers)
