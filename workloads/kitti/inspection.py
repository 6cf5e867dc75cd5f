"""One frame, measured: its scan, its objects in all frames of reference, and its calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from workloads.images.codec import size_of
from workloads.kitti import geometry
from workloads.kitti.calibration import Calibration, read_calibration
from workloads.kitti.evaluation import DIFFICULTIES
from workloads.kitti.layout import Layout, find_layout
from workloads.kitti.mistakes import BadFile
from workloads.kitti.objects import Objects, read_labels
from workloads.kitti.policy import DONT_CARE
from workloads.kitti.row import Column
from workloads.kitti.velodyne import read_scan

DIGITS = 4
"""A tenth of a millimetre, a hundred-thousandth of a picture's width."""


def inspect(root: Path, frame: str) -> dict[str, Any]:
    """All there is to say about one frame; lengths in metres, angles in radians, pixels of the original image.

    Raises:
        BadFile: the frame has no image or label, or one of its files is wrong.
    """
    layout = find_layout(root)
    if frame not in layout.image_files and frame not in layout.label_files:
        known = layout.frames
        there = f"{known[0]} to {known[-1]}" if known else "none"
        raise BadFile(layout.training, f"there is no frame {frame} ({len(known)} frames: {there})")
    image = layout.image(frame)
    height, width = size_of(image.read_bytes(), str(image))
    calibration = read_calibration(layout.calibration(frame))
    scan = _scan_file(layout, frame)
    points = None if scan is None else read_scan(scan)
    points_camera = None if points is None else geometry.to_camera(points[:, :3], calibration.lidar_to_camera)
    seen = None
    if points_camera is not None:
        seen = int(geometry.in_view(points_camera, calibration.projection, width, height).sum())
    objects = read_labels(layout.labels, [frame])
    return {
        "frame": frame,
        "image": {"file": image.name, "width": width, "height": height},
        "scan": None if scan is None else f"{scan.parent.name}/{scan.name}",
        "points": None if points is None else len(points),
        "points_in_view": seen,
        "objects": [_object(objects, row, calibration, points_camera, (height, width)) for row in range(len(objects))],
        "calibration": _calibration(calibration),
    }


def _scan_file(layout: Layout, frame: str) -> Path | None:
    """The full scan, or the part of it that the camera sees, as other tools cut it."""
    for folder in ("velodyne", "velodyne_reduced"):
        path = layout.training / folder / f"{frame}.bin"
        if path.is_file():
            return path
    return None


def _object(objects: Objects, row: int, calibration: Calibration, points_camera: np.ndarray | None,
            size: tuple[int, int]) -> dict[str, Any]:  # fmt: skip
    values = objects.values[row]
    facts: dict[str, Any] = {
        "line": int(objects.lines[row]), "type": objects.word(row), "truncated": values[Column.TRUNCATED],
        "occluded": int(values[Column.OCCLUDED]), "alpha": values[Column.ALPHA], "bbox": objects.boxes[row].tolist(),
        "level": None,
    }  # fmt: skip
    box = objects.boxes_camera[row]
    facts |= {"dimensions": box[:3].tolist(), "location": box[3:6].tolist(), "rotation_y": float(box[6])}
    if objects.word(row).lower() == DONT_CARE or min(box[:3]) <= 0:
        return facts
    corners = geometry.corners(box)
    pixels = geometry.to_image(corners, calibration.projection)
    ahead = np.isfinite(pixels).all()
    high, wide = size
    projected = None
    if ahead:
        low, top = pixels.min(axis=0), pixels.max(axis=0)
        projected = _rounded(np.concatenate([low, top]).clip(0, [wide - 1, high - 1, wide - 1, high - 1]))
    return facts | {
        "level": level(values),
        "corners_camera": _rounded(corners),
        "corners_image": _rounded(pixels) if ahead else None,
        "projected_bbox": projected,
        "lidar_bottom_center": _rounded(geometry.to_lidar(box[None, 3:6], calibration.lidar_to_camera)[0]),
        "lidar_yaw": round(geometry.heading_lidar(box[6]), DIGITS),
        "alpha_from_rotation_y": round(geometry.alpha(box), DIGITS),
        "points_in_box": None if points_camera is None else int(geometry.in_box(points_camera, box).sum()),
    }


def level(values: np.ndarray) -> str:
    """The easiest of KITTI's difficulties that counts an object of these 15 numbers; `ignored` where none does."""
    height = values[Column.BOTTOM] - values[Column.TOP]
    for one in DIFFICULTIES:
        if (height > one.height_px and values[Column.OCCLUDED] <= one.occluded
                and values[Column.TRUNCATED] <= one.truncated):  # fmt: skip
            return one.name
    return "ignored"


def _calibration(calibration: Calibration) -> dict[str, Any]:
    p2, p3 = calibration.projection, calibration.matrices.get("P3")
    return {
        "focal_px": [p2[0, 0], p2[1, 1]],
        "centre_px": [p2[0, 2], p2[1, 2]],
        "camera_2_from_camera_0_m": round(p2[0, 3] / p2[0, 0], DIGITS),
        "stereo_baseline_m": None if p3 is None else round(float(p2[0, 3] - p3[0, 3]) / p2[0, 0], DIGITS),
        "lidar_to_camera": calibration.lidar_to_camera.tolist(),
        "lidar_to_image": (p2 @ calibration.lidar_to_camera).tolist(),
    } | {name: matrix.tolist() for name, matrix in sorted(calibration.matrices.items())}


def _rounded(values: np.ndarray) -> list[Any]:
    rounded: list[Any] = np.round(values, DIGITS).tolist()
    return rounded


def as_text(facts: dict[str, Any]) -> str:
    """The same for a reader."""
    image, calibration = facts["image"], facts["calibration"]
    lines = [
        f"frame {facts['frame']}: image {image['file']}, {image['width']} x {image['height']} pixels",
        "scan: none" if facts["scan"] is None else
        f"scan: {facts['scan']}, {facts['points']:,} points, {facts['points_in_view']:,} of them in the image",
        "camera: focal length {:.2f}, {:.2f} px; centre {:.2f}, {:.2f} px".format(
            *calibration["focal_px"], *calibration["centre_px"])
        + ("" if calibration["stereo_baseline_m"] is None else f"; stereo {calibration['stereo_baseline_m']:.4f} m"),
        f"{len(facts['objects'])} objects:",
    ]  # fmt: skip
    for one in facts["objects"]:
        box = ", ".join(f"{value:.1f}" for value in one["bbox"])
        line = f"  line {one['line']:>2}  {one['type']:<14} box [{box}]"
        if one["level"] is not None:
            x, y, z = one["location"]
            line += f"  {one['level']:<8}  at x {x:.2f}, y {y:.2f}, z {z:.2f} m"
            line += "" if one["points_in_box"] is None else f", {one['points_in_box']} points in it"
        lines.append(line)
    return "\n".join(lines)
