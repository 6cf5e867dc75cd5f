"""A camera and a scanner on one car, like KITTI's: the numbers are this rig's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads.kitti.calibration import Calibration

CAMERA_HEIGHT_M = 1.65
"""The ground is the plane y = 1.65 of the rectified camera frame."""
FOCAL_SHARE, CENTRE_U_SHARE, CENTRE_V_SHARE = 0.58, 0.49, 0.461
"""Of the image's width, width and height: 81 degrees wide, the horizon a little above the middle."""
OFFSETS_M = {
    "P0": (0.0, 0.0, 0.0),
    "P1": (-0.54, 0.0, 0.0),
    "P2": (0.06, -0.001, 0.003),
    "P3": (-0.474, 0.003, 0.003),
}
"""The last column of each projection, before the focal length: where the origin lies, seen from that camera."""
TURN_RECTIFY = (0.0045, 0.0078, -0.0096)
TURN_SCANNER = (0.0147, -0.0008, 0.0076)
SHIFT_SCANNER_M = (-0.004, -0.078, -0.272)
IMU_TO_SCANNER_M = (-0.81, 0.32, -0.8)


@dataclass(frozen=True)
class Rig:
    """Every matrix of a calibration file: P0..P3 (3, 4), R0_rect (3, 3), the two rigid transforms (3, 4)."""

    matrices: dict[str, np.ndarray]

    @property
    def calibration(self) -> Calibration:
        """Camera 2 and the way from the scanner to it, as a reader of the file gets it."""
        rectify, rigid = np.eye(4), np.eye(4)
        rectify[:3, :3], rigid[:3] = self.matrices["R0_rect"], self.matrices["Tr_velo_to_cam"]
        return Calibration(self.matrices["P2"], rectify @ rigid)

    def text(self) -> str:
        """The lines of `calib/NNNNNN.txt`."""
        return "".join(f"{key}: {' '.join(f'{number:.12e}' for number in matrix.ravel())}\n"
                       for key, matrix in self.matrices.items())  # fmt: skip


def rig_of(height: int, width: int) -> Rig:
    """The rig whose image has this size; the numbers are those its file will hold (12 digits)."""
    focal, centre = FOCAL_SHARE * width, (CENTRE_U_SHARE * width, CENTRE_V_SHARE * height)
    matrices = {}
    for key, (right, down, ahead) in OFFSETS_M.items():
        matrices[key] = np.array([[focal, 0, centre[0], focal * right + centre[0] * ahead],
                                  [0, focal, centre[1], focal * down + centre[1] * ahead],
                                  [0, 0, 1, ahead]])  # fmt: skip
    matrices["R0_rect"] = _turn(*TURN_RECTIFY)
    axes = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])  # x ahead, y left, z up -> x right, y down, z ahead
    matrices["Tr_velo_to_cam"] = np.column_stack([_turn(*TURN_SCANNER) @ axes, SHIFT_SCANNER_M])
    matrices["Tr_imu_to_velo"] = np.column_stack([_turn(0.0148, 0.002, -0.0008), IMU_TO_SCANNER_M])
    return Rig({key: np.vectorize(lambda number: float(f"{number:.12e}"))(matrix) for key, matrix in matrices.items()})


def _turn(a: float, b: float, c: float) -> np.ndarray:
    """(3, 3) rotation about x by a, then y by b, then z by c (radians)."""
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return z @ y @ x
