"""Hue, saturation and brightness shifted at random, in one pass over the picture."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit

MOST = (5, 30, 30)
"""Largest shift of hue (2 degrees each, as OpenCV has it), saturation and value (0 to 255), up and down.

Source: Megvii-BaseDetection/YOLOX, yolox/data/data_augment.py (augment_hsv)."""


def jitter(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture with each of the three shifted, or (half the time, each for itself) left; changed in place.

    Args:
        image: (h, w, 3) uint8 BGR, contiguous.
    """
    drawn = rng.uniform(-1.0, 1.0, 3) * MOST * rng.integers(0, 2, 3)
    hue, saturation, value = (int(one) for one in drawn)  # whole steps, towards zero
    if hue or saturation or value:
        shift_hsv(image, hue, saturation, value)
    return image


def shift_hsv(image: np.ndarray, hue: int, saturation: int, value: int) -> None:
    """Add to hue (modulo a full turn), saturation and value (cut at 0 and 255), in place.

    As BGR -> HSV -> BGR in OpenCV's 8 bits, without rounding in between. A grey pixel counts as red there and here.

    Args:
        image: (h, w, 3) uint8 BGR, contiguous. hue: -180 to 180 steps of 2 degrees. saturation, value: -255 to 255.
    """
    planes = np.empty((3, *image.shape[:2]), np.uint8)
    _shift(image, np.float32(hue / 30), np.float32(saturation / 255), np.float32(value), planes)
    cv2.merge(list(planes), dst=image)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _shift(image, turn, richer, brighter, out):  # type: ignore[no-untyped-def]
    """`turn` in sextants of the colour circle, `richer` from -1 to 1, `brighter` from -255 to 255; all float32.

    `out` is (3, h, w). Vector units want neighbours side by side: a row is taken apart into channels first, and put
    together again by OpenCV, which does that five times faster than a loop here.
    """
    width = image.shape[1]
    row = np.empty((3, width), np.float32)
    blues, greens, reds = row[0], row[1], row[2]
    zero, one, two, three, four, six, most = (
        np.float32(0), np.float32(1), np.float32(2), np.float32(3), np.float32(4), np.float32(6), np.float32(255),
    )  # fmt: skip
    half = np.float32(0.5)
    for y in range(image.shape[0]):
        pixels = image[y].reshape(-1)
        for x in range(width):
            blues[x] = np.float32(np.int32(pixels[3 * x]))
        for x in range(width):
            greens[x] = np.float32(np.int32(pixels[3 * x + 1]))
        for x in range(width):
            reds[x] = np.float32(np.int32(pixels[3 * x + 2]))
        for x in range(width):
            blue, green, red = blues[x], greens[x], reds[x]
            high = max(max(blue, green), red)
            spread = high - min(min(blue, green), red)
            inverse = one / max(spread, one)
            # Sextants from red; selects, not jumps.
            sextant = (red - green) * inverse + four
            sextant = (blue - red) * inverse + two if high == green else sextant
            sextant = (green - blue) * inverse if high == red else sextant
            sextant += turn
            sextant = sextant + six if sextant < zero else sextant
            sextant = sextant - six if sextant >= six else sextant
            bright = min(max(high + brighter, zero), most)
            chroma = bright * min(max(spread / max(high, one) + richer, zero), one)
            # How far a channel is below the highest: nothing within one sextant of its own colour, all from two on.
            lack_blue = min(max(abs(sextant - four) - one, zero), one)
            lack_green = min(max(abs(sextant - two) - one, zero), one)
            lack_red = min(max(two - abs(sextant - three), zero), one)
            blues[x] = bright - chroma * lack_blue + half
            greens[x] = bright - chroma * lack_green + half
            reds[x] = bright - chroma * lack_red + half
        for channel in range(3):
            for x in range(width):
                out[channel, y, x] = np.int32(row[channel, x])
