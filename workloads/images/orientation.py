"""Which way up a picture is: the orientation tag that cameras write instead of turning their pixels.

Boxes are told in stored pixels everywhere; who looks for something upright turns a copy and brings its boxes back.
Source: Exif 2.32 (CIPA DC-008), 4.6.2 and 4.6.4, tag 0x0112.
"""

from __future__ import annotations

import struct

import cv2
import numpy as np

UPRIGHT = 1
_AS_STORED = cv2.IMREAD_IGNORE_ORIENTATION
_TAG = 0x0112
_TURNS = {
    1: (False, False, False), 2: (False, False, True), 3: (False, True, True), 4: (False, True, False),
    5: (True, False, False), 6: (True, False, True), 7: (True, True, True), 8: (True, True, False),
}  # fmt: skip
"""What makes the stored picture upright, in this order: rows and columns changed, rows reversed, columns reversed."""


def orientation_of(content: bytes) -> int:
    """1 to 8, of a JPEG or PNG that `codec.decode` takes; UPRIGHT where there is no tag, or none that makes sense."""
    stored = np.frombuffer(content, np.uint8)
    try:  # OpenCV gives the tags with pixels alone
        _, kinds, blocks = cv2.imdecodeWithMetadata(stored, flags=cv2.IMREAD_REDUCED_GRAYSCALE_8 | _AS_STORED)
    except cv2.error:  # an eighth of a PNG of four rows is no picture
        _, kinds, blocks = cv2.imdecodeWithMetadata(stored, flags=cv2.IMREAD_GRAYSCALE | _AS_STORED)
    for kind, block in zip(kinds, blocks, strict=True):
        if kind == cv2.IMAGE_METADATA_EXIF:
            return _first_value(np.asarray(block, np.uint8).tobytes())
    return UPRIGHT


def _first_value(exif: bytes) -> int:
    """The tag in the first directory of a TIFF header; whatever is cut short or strange has none."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return UPRIGHT
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, start)
        for place in range(entries):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * place)
            if tag == _TAG:
                return value if value in _TURNS else UPRIGHT
    except struct.error:
        return UPRIGHT
    return UPRIGHT


def exif_of(orientation: int) -> bytes:
    """An Exif block that holds this tag alone: the camera's own may hold a place, a name and a small copy."""
    return b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, _TAG, 3, 1, orientation, 0, 0)


def upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """(h, w[, c]) or (w, h[, c]): a stored picture as it is to be seen."""
    changed, rows, columns = _TURNS[orientation]
    turned = image.swapaxes(0, 1) if changed else image
    return np.ascontiguousarray(turned[:: -1 if rows else 1, :: -1 if columns else 1])


def boxes_as_stored(boxes: np.ndarray, orientation: int, height: int, width: int) -> np.ndarray:
    """(n, 4) x1, y1, x2, y2 in pixels of the stored picture, (height, width), of boxes in the `upright` one."""
    changed, rows, columns = _TURNS[orientation]
    if changed:
        height, width = width, height
    left, top, right, bottom = boxes.T
    if columns:
        left, right = width - right, width - left
    if rows:
        top, bottom = height - bottom, height - top
    return np.stack([top, left, bottom, right] if changed else [left, top, right, bottom], axis=1)
