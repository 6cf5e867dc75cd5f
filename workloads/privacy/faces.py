"""Faces, from the front and from either side."""

from __future__ import annotations

import numpy as np

from workloads.privacy.cascades import Pass, grown, hits, joined, to_gray

ANY = float("inf")
PASSES = (
    Pass("frontalface_alt2", enlarge=2.0, step=1.2, neighbours=1, widths_px=(10, 60)),
    Pass("frontalface_default", enlarge=1.5, step=1.1, neighbours=2, widths_px=(16, 60)),
    Pass("profileface", enlarge=1.5, step=1.2, neighbours=1, widths_px=(14, 60)),
    Pass("profileface", enlarge=1.5, step=1.2, neighbours=1, widths_px=(14, 60), mirrored=True),
    Pass("frontalface_alt2", enlarge=1.0, step=1.1, neighbours=3, widths_px=(48, ANY)),
    Pass("frontalface_default", enlarge=1.0, step=1.1, neighbours=6, widths_px=(48, ANY)),
    Pass("profileface", enlarge=1.0, step=1.1, neighbours=4, widths_px=(48, ANY)),
    Pass("profileface", enlarge=1.0, step=1.1, neighbours=4, widths_px=(48, ANY), mirrored=True),
)
"""Small faces give few hits and are sought with less proof; large ones that few windows confirm are none."""
MARGIN = (0.20, 0.30)
"""A cascade's box ends at brows and lips; hair and chin are part of a face."""


def find_faces(image: np.ndarray) -> np.ndarray:
    """(n, 4) float32 x1, y1, x2, y2 in pixels, margins included, of an (h, w[, 3]) uint8 BGR or gray image.

    Built to miss few: some boxes hold no face.
    """
    gray = to_gray(image)
    return grown(joined(hits(gray, PASSES)), MARGIN, *gray.shape)
