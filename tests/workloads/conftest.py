"""Small KITTI trees, written frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from workloads.images.codec import encode_jpeg, encode_png

CAR = "Car 0.00 0 -1.57 10.00 5.00 30.00 15.00 1.50 1.60 3.90 1.00 1.70 20.00 -1.55"
PEDESTRIAN = "Pedestrian 0.10 1 0.20 2.50 4.00 6.25 14.00 1.80 0.60 0.80 -4.00 1.60 15.00 0.01"
CYCLIST = "Cyclist 0.00 2 0.00 1.00 1.00 9.00 12.00 1.70 0.60 1.80 -2.00 1.60 12.00 0.00"
VAN = "Van 0.00 0 1.00 20.00 2.00 39.00 18.00 2.00 1.90 5.00 3.00 1.70 18.00 1.10"
DONT_CARE = "DontCare -1 -1 -10 30.00 1.00 39.00 6.00 -1 -1 -1 -1000 -1000 -1000 -10"
CALIBRATION = (
    "P0: 100 0 20 0 0 100 10 0 0 0 1 0\nP2: 100 0 20 5 0 100 10 0 0 0 1 0\nP3: 100 0 20 -45 0 100 10 0 0 0 1 0\n"
    "R0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0\n\n"
)
"""LiDAR axes turned to camera axes, nothing else: camera (x, y, z) is LiDAR (-y, -z, x)."""


class KittiTree:
    """`root` in KITTI's object layout. Pictures are noise, different for every frame."""

    def __init__(self, root: Path, below: str = "training"):
        self.root, self.training = root, root / below
        for part in ("image_2", "label_2"):
            (self.training / part).mkdir(parents=True)

    def frame(self, name: str, rows: Sequence[str] | bytes = (CAR,), *, size: tuple[int, int] = (20, 40),
              shade: int | None = None, suffix: str = ".png", calibration: str | None = CALIBRATION,
              points: np.ndarray | bytes | None = None) -> KittiTree:  # fmt: skip
        """One frame; `size` is (height, width); frames with the same `shade` show the same picture."""
        random = np.random.default_rng(int(name) if shade is None else 10_000 + shade)
        picture = random.integers(0, 255, (*size, 3), np.uint8)
        content = encode_png(picture) if suffix == ".png" else encode_jpeg(picture)
        (self.training / "image_2" / f"{name}{suffix}").write_bytes(content)
        text = rows if isinstance(rows, bytes) else "".join(row + "\n" for row in rows).encode()
        (self.training / "label_2" / f"{name}.txt").write_bytes(text)
        if calibration is not None:
            self._write("calib", f"{name}.txt", calibration.encode())
        if points is not None:
            self._write("velodyne", f"{name}.bin", points if isinstance(points, bytes) else
                        points.astype("<f4").tobytes())  # fmt: skip
        return self

    def frames(self, count: int, rows: Sequence[str] = (CAR, PEDESTRIAN), **settings) -> KittiTree:
        for number in range(count):
            self.frame(f"{number:06d}", rows, **settings)
        return self

    def lists(self, train: Sequence[str], val: Sequence[str]) -> KittiTree:
        for name, frames in (("train", train), ("val", val)):
            path = self.root / "ImageSets" / f"{name}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(frames))
        return self

    def label(self, name: str) -> Path:
        return self.training / "label_2" / f"{name}.txt"

    def image(self, name: str) -> Path:
        return self.training / "image_2" / f"{name}.png"

    def _write(self, part: str, name: str, content: bytes) -> None:
        (self.training / part).mkdir(exist_ok=True)
        (self.training / part / name).write_bytes(content)


@pytest.fixture
def kitti_tree(tmp_path: Path):
    """A factory: `kitti_tree()` or `kitti_tree("object/training")`, below the test's own folder."""
    return lambda below="training", name="raw": KittiTree(tmp_path / name, below)


@pytest.fixture
def kitti_rows() -> dict[str, str]:
    """One row of each kind, hand-written: box 20 x 10 of the car at (10, 5), and so on."""
    return {"car": CAR, "pedestrian": PEDESTRIAN, "cyclist": CYCLIST, "van": VAN, "dont_care": DONT_CARE}
