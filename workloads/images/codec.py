"""JPEG and PNG bytes to pixels and back. A picture is (height, width, 3) uint8, blue first, as OpenCV has it."""

from __future__ import annotations

import struct

import cv2
import numpy as np

from workloads.contract import UserError
from workloads.images.orientation import UPRIGHT, exif_of

MOST_PIXELS = 100_000_000
"""A few kilobytes of PNG can claim gigabytes of pixels; nothing larger is ever decoded."""
LARGEST_JPEG_SIDE = 65_500
"""Pixels; a PNG may have more, and then cannot be written as JPEG."""
TAIL_BYTES = 4096
"""The mark at the end is sought in so many bytes: some programs append a few of their own."""
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_FRAME_HEADERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


class BadImage(UserError):
    """Bytes that are no JPEG or PNG, or cut short. The message names the file and the reason."""


class TooManyPixels(BadImage):
    """The header claims more than are accepted."""


def size_of(content: bytes | memoryview, where: str = "image", most: int = MOST_PIXELS) -> tuple[int, int]:
    """(height, width) in pixels, from the header alone.

    Raises:
        BadImage: neither JPEG nor PNG, a header cut short, or more than `most` pixels.
    """
    head = bytes(content[:26])
    if head.startswith(_PNG) and len(head) >= 24 and head[12:16] == b"IHDR":
        width, height = struct.unpack(">II", head[16:24])
    elif head.startswith(_JPEG):
        height, width = _jpeg_size(memoryview(content), where)
    else:
        raise BadImage(f"{where}: no JPEG or PNG image ({len(content)} bytes, starts with {head[:8].hex(' ') or '-'})")
    if height < 1 or width < 1 or height * width > most:
        wrong = TooManyPixels if height * width > most else BadImage
        raise wrong(f"{where}: {width} x {height} pixels; 1 to {most:,} in all are accepted")
    return height, width


def _jpeg_size(content: memoryview, where: str) -> tuple[int, int]:
    """Walk the markers to the frame header (ITU-T T.81, B.2.2)."""
    at = 2
    while at + 9 <= len(content):
        if content[at] != 0xFF:
            break
        marker = content[at + 1]
        if marker == 0xFF or marker in _WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return height, width
        at += 2 + struct.unpack(">H", content[at + 2 : at + 4])[0]
    raise BadImage(f"{where}: a JPEG without a frame header; the file is cut short or damaged")


def decode(content: bytes | memoryview, where: str = "image") -> np.ndarray:
    """(height, width, 3) uint8 BGR of JPEG or PNG bytes; grey becomes three equal channels, 16 bits become 8.

    The orientation tag is ignored: boxes are given in stored pixels (`orientation` turns them).

    Raises:
        BadImage: as `size_of`, or the pixels are cut short or damaged.
    """
    size = size_of(content, where)
    require_whole(content[:8], content[-TAIL_BYTES:], len(content), where)
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as damaged:
        raise BadImage(f"{where}: the image cannot be decoded: {damaged.err}") from damaged
    if image is None or image.shape[:2] != size:
        raise BadImage(f"{where}: the image cannot be decoded; its pixels are damaged")
    return image


def require_whole(head: bytes | memoryview, tail: bytes | memoryview, length: int, where: str = "image") -> None:
    """OpenCV fills what is missing with grey and says nothing; both formats end with a mark of their own.

    Args:
        head: the first bytes of a JPEG or PNG file, 8 at least.
        tail: its last TAIL_BYTES, or all of a shorter one.
        length: of the whole file, in bytes.

    Raises:
        BadImage: the mark is missing.
    """
    mark = b"IEND" if bytes(head[:8]) == _PNG else b"\xff\xd9"
    if mark not in bytes(tail):
        raise BadImage(f"{where}: the image is cut short after {length} bytes; upload it again")


def encode_jpeg(image: np.ndarray, quality: int = 95) -> bytes:
    """JPEG bytes of a BGR (or grey) uint8 picture."""
    return encode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])


def encode_png(image: np.ndarray) -> bytes:
    """PNG bytes of a BGR (or grey) uint8 picture. Slow, 38 ms a KITTI frame: data sets keep their own bytes."""
    return encode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def encode(suffix: str, image: np.ndarray, settings: list[int], orientation: int = UPRIGHT) -> bytes:
    """Bytes of the kind `suffix` says, with OpenCV's `settings`; `orientation` is told in a tag unless upright."""
    if orientation == UPRIGHT:
        done, buffer = cv2.imencode(suffix, image, settings)
    else:
        tag = np.frombuffer(exif_of(orientation), np.uint8)
        done, buffer = cv2.imencodeWithMetadata(suffix, image, [cv2.IMAGE_METADATA_EXIF], [tag], settings)
    if not done:
        raise ValueError(f"OpenCV cannot write {image.shape} {image.dtype} as {suffix}")
    return buffer.tobytes()
