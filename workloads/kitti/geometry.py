"""Frames and boxes of KITTI. Source: object devkit readme.txt; OpenPCDet `box_utils.py` for the LiDAR convention.

Functions of many points or boxes take arrays of NumPy or CuPy and answer in kind; matrices may come from NumPy.
"""

from __future__ import annotations

import numpy as np

from workloads.arrays import Array, array_namespace


def to_camera(points_lidar: Array, lidar_to_camera: Array) -> Array:
    """(n, 3) LiDAR metres to (n, 3) rectified camera metres (x right, y down, z forward)."""
    lidar_to_camera = array_namespace(points_lidar).asarray(lidar_to_camera)
    return points_lidar.astype(np.float64) @ lidar_to_camera[:3, :3].T + lidar_to_camera[:3, 3]


def to_lidar(points_camera: Array, lidar_to_camera: Array) -> Array:
    """The way back: (n, 3) camera metres to (n, 3) LiDAR metres."""
    xp = array_namespace(points_camera)
    lidar_to_camera = xp.asarray(lidar_to_camera)
    return xp.linalg.solve(lidar_to_camera[:3, :3], (points_camera - lidar_to_camera[:3, 3]).T).T


def in_view(points_camera: Array, projection: Array, width: int, height: int) -> Array:
    """(n,) bool: ahead of the camera and 0 <= u < width, 0 <= v < height."""
    projection = array_namespace(points_camera).asarray(projection)
    scaled = points_camera @ projection[:, :3].T + projection[:, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = scaled[:, 0] / scaled[:, 2], scaled[:, 1] / scaled[:, 2]
    return (points_camera[:, 2] > 0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)


def corners(box_camera: np.ndarray) -> np.ndarray:
    """(8, 3) corners in the camera frame of one (7,) box h, w, l, x, y, z, ry: the bottom four, then the top four."""
    high, wide, long, x, y, z, turn = box_camera
    cos, sin = np.cos(turn), np.sin(turn)
    lx = np.array([1, 1, -1, -1] * 2) * long / 2
    lz = np.array([1, -1, -1, 1] * 2) * wide / 2
    ly = np.repeat([0.0, -high], 4)
    return np.stack([cos * lx + sin * lz + x, ly + y, -sin * lx + cos * lz + z], axis=1)


def heading_lidar(rotation_y: float) -> float:
    """Counter-clockwise from +x in the LiDAR frame, in [-pi, pi)."""
    return float((-rotation_y - np.pi / 2 + np.pi) % (2 * np.pi) - np.pi)


def to_image(points_camera: Array, projection: Array) -> Array:
    """(n, 2) pixels u, v of (n, 3) camera metres, not clipped; NaN for points at or behind the camera."""
    xp = array_namespace(points_camera)
    projection = xp.asarray(projection)
    scaled = points_camera @ projection[:, :3].T + projection[:, 3]
    depth = xp.where((points_camera[:, 2] > 0) & (scaled[:, 2] > 0), scaled[:, 2], np.nan)
    return scaled[:, :2] / depth[:, None]


def in_box(points_camera: np.ndarray, box_camera: np.ndarray) -> np.ndarray:
    """(n,) bool: inside one (7,) box h, w, l, x, y, z, ry, its faces included."""
    high, wide, long, x, y, z, turn = box_camera
    cos, sin = np.cos(turn), np.sin(turn)
    right, down, ahead = (points_camera - (x, y, z)).T
    along, across = cos * right - sin * ahead, sin * right + cos * ahead
    return (np.abs(along) <= long / 2) & (np.abs(across) <= wide / 2) & (down <= 0) & (down >= -high)


def alpha(box_camera: np.ndarray) -> float:
    """Observation angle of one (7,) box: rotation_y less the direction it is seen in, in [-pi, pi)."""
    angle = box_camera[6] - np.arctan2(box_camera[3], box_camera[5])
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def boxes_to_lidar(boxes_camera: Array, lidar_to_camera: Array) -> Array:
    """(n, 7) boxes h, w, l, x, y, z, ry (bottom centre, camera frame) as LiDAR boxes.

    Returns:
        (n, 7) x, y, z of the middle, length, width, height, heading (counter-clockwise from +x, in [-pi, pi)).
    """
    xp = array_namespace(boxes_camera)
    high, wide, long = boxes_camera[:, 0], boxes_camera[:, 1], boxes_camera[:, 2]
    x, y, z = to_lidar(boxes_camera[:, 3:6], lidar_to_camera).T
    heading = _wrapped(-boxes_camera[:, 6] - np.pi / 2)
    return xp.stack([x, y, z + high / 2, long, wide, high, heading], axis=1)


def boxes_to_camera(boxes_lidar: Array, lidar_to_camera: Array) -> Array:
    """The way back: (n, 7) LiDAR boxes x, y, z, length, width, height, heading to h, w, l, x, y, z, ry."""
    xp = array_namespace(boxes_lidar)
    long, wide, high = boxes_lidar[:, 3], boxes_lidar[:, 4], boxes_lidar[:, 5]
    bottoms = xp.stack([boxes_lidar[:, 0], boxes_lidar[:, 1], boxes_lidar[:, 2] - high / 2], axis=1)
    x, y, z = to_camera(bottoms, lidar_to_camera).T
    return xp.stack([high, wide, long, x, y, z, _wrapped(-boxes_lidar[:, 6] - np.pi / 2)], axis=1)


def _wrapped(angles: Array) -> Array:
    """The same angles in [-pi, pi)."""
    return (angles + np.pi) % (2 * np.pi) - np.pi
