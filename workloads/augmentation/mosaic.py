"""Four pictures around a point, seen through one random affine. Each is warped straight into the output.

The usual way pastes them on a canvas of twice the size and warps that. The geometry here is the same; the canvas is
never made, so a pixel is read and written once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workloads.augmentation.affine import AffineRanges, draw_matrix, placed, warp_boxes, warp_into
from workloads.augmentation.frame import Frame, clip
from workloads.images.letterbox import PAD, Letterbox


def mosaic(frames: Sequence[Frame], ranges: AffineRanges, size: tuple[int, int], rng: np.random.Generator) -> Frame:
    """Four frames (left above, right above, left below, right below) as one.

    Args:
        frames: four; each is scaled to fit `size`.
        ranges: of the affine from the canvas (twice `size`) to `size`.
        size: (height, width) of the output in pixels.

    Source: Megvii-BaseDetection/YOLOX, yolox/data/datasets/mosaicdetection.py: the point is uniform in 0.5 to 1.5 of
    height and width, the grey is 114, boxes are cut at the canvas and again at the output.
    """
    height, width = size
    middle_y, middle_x = (int(rng.uniform(0.5 * side, 1.5 * side)) for side in size)
    matrix = draw_matrix(ranges, (2 * height, 2 * width), size, rng)
    out = np.full((height, width, 3), PAD, np.uint8)
    boxes, classes = [], []
    for place, frame in enumerate(frames):
        tile = Letterbox.fit(frame.size, size)
        tile_height, tile_width = tile.scaled_size
        left = middle_x - tile_width if place in (0, 2) else middle_x
        top = middle_y - tile_height if place in (0, 1) else middle_y
        scale = (tile_width / frame.size[1], tile_height / frame.size[0])
        _draw_tile(out, frame.image, scale, (left, top), matrix, (2 * height, 2 * width))
        on_canvas = frame.boxes_xyxy * np.array([*scale, *scale], np.float32) + np.array(
            [left, top, left, top], np.float32
        )
        kept, kept_classes = clip(on_canvas, frame.classes, (2 * height, 2 * width))
        boxes.append(kept)
        classes.append(kept_classes)
    moved = warp_boxes(np.concatenate(boxes), matrix)
    return Frame(out, *clip(moved, np.concatenate(classes), size))


def _draw_tile(
    out: np.ndarray, image: np.ndarray, scale: tuple[float, float], corner: tuple[int, int], matrix: np.ndarray,
    canvas: tuple[int, int],
) -> None:  # fmt: skip
    """Only the part of the picture that lies on the canvas: what is cut off there must not be seen again."""
    spans = []
    for axis in (0, 1):
        length, limit = image.shape[1 - axis], canvas[1 - axis]
        first = max(0, round(-corner[axis] / scale[axis]))
        last = min(length, round((limit - corner[axis]) / scale[axis]))
        spans.append((first, last))
    (left, right), (top, bottom) = spans
    if right <= left or bottom <= top:
        return
    offset = (corner[0] + left * scale[0], corner[1] + top * scale[1])
    warp_into(out, image[top:bottom, left:right], placed(matrix, scale, offset))
