"""Bodies of a detector's `/invocations` to pictures.

| content type | body |
|---|---|
| `image/jpeg`, `image/png`, `application/x-image` | one JPEG or PNG file; which one, its first bytes say |
| `application/x-npy` | uint8 (h, w, 3): a BGR picture of any size |
| | float32 (3, H, W) or (n, 3, H, W): the network's own input, BGR 0 to 255, letterboxed by the caller |
| `application/json` | `{"instances": [{"b64": "..."}, {"image": {"b64": "..."}}], "parameters": {...}}`, files |
"""

from __future__ import annotations

import binascii
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import orjson

from workloads.images import codec
from workloads.images.letterbox import PAD, Letterbox
from workloads.serving.answers import Refusal, bad_request
from workloads.serving.limits import IMAGE_PIXELS, IMAGES
from workloads.serving.media import unsupported

FILES = (b"image/jpeg", b"image/png", b"image/jpg", b"application/x-image")
TENSOR, SEVERAL = b"application/x-npy", b"application/json"
MOST_SCANS = 100
"""Of a progressive JPEG; each costs a pass over all pixels, and a small file can hold thousands."""
REMEDY = (
    "Send one image as image/jpeg, image/png or application/x-image, a tensor as application/x-npy, or "
    '{"instances": [{"b64": "..."}]} as application/json; see /openapi.json.'
)


@dataclass(frozen=True)
class Picture:
    """One image of a request, decoded."""

    pixels: np.ndarray
    """(h, w, 3): uint8 BGR, or float32 for the network's own input."""
    image_size: tuple[int, int]
    """(height, width) in pixels of what boxes are told in."""
    seconds: float
    """What decoding took."""

    def place(self, out: np.ndarray, scale: float = 1.0, mirrored: bool = False) -> Letterbox:
        """Write the picture into `out`, (3, H, W) float32, letterboxed; tells how to bring boxes back.

        Args:
            scale: of the picture, on top of the letterbox; at most 1.
            mirrored: left and right changed.
        """
        fitting = Letterbox.fit(self.image_size, (out.shape[1], out.shape[2]))
        letterbox = Letterbox(fitting.image_size, fitting.input_size, fitting.ratio * scale)
        pixels = self.pixels
        if pixels.dtype == np.float32:
            lettered = Letterbox.fit(self.image_size, (pixels.shape[0], pixels.shape[1]))
            if scale == 1 and not mirrored and lettered.input_size == fitting.input_size:
                out[...] = pixels.transpose(2, 0, 1)  # what the caller letterboxed is the network's input, untouched
                return letterbox
            height, width = lettered.scaled_size  # a member of an ensemble may have an input of another size
            pixels = pixels[:height, :width]
        height, width = letterbox.scaled_size
        if pixels.shape[:2] != (height, width):
            pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        if mirrored:
            pixels = cv2.flip(pixels, 1)
        # Split first, then widen: three plain copies are quicker than one strided one.
        for plane, channel in zip(out, cv2.split(np.ascontiguousarray(pixels)), strict=True):
            plane[:height, :width] = channel
        out[:, height:] = PAD
        out[:, :height, width:] = PAD
        return letterbox


def instances(body: bytes) -> tuple[list[bytes], Any]:
    """(the instances' files, `parameters`) of a JSON body. Raises Refusal."""
    try:
        document = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as invalid:
        raise bad_request("invalid_json", f"the body is not JSON: {invalid}", REMEDY) from invalid
    if not isinstance(document, dict) or not isinstance(document.get("instances"), list):
        raise bad_request("no_images", "the body holds no list `instances`", REMEDY)
    if unknown := set(document) - {"instances", "parameters"}:
        raise bad_request("unknown_member", f"{min(unknown)[:100]!r} is not known beside 'instances'", REMEDY)
    given = document["instances"]
    if not given:
        raise bad_request("no_images", "`instances` is empty", REMEDY)
    if len(given) > IMAGES:
        raise _too_many(len(given))
    return [_file(place, one) for place, one in enumerate(given)], document.get("parameters", {})


def _file(place: int, instance: Any) -> bytes:
    inner = instance.get("image") if isinstance(instance, dict) and set(instance) == {"image"} else instance
    text = inner.get("b64") if isinstance(inner, dict) and set(inner) == {"b64"} else None
    if not isinstance(text, str):
        message = f'instances[{place}]: neither {{"b64": "..."}} nor {{"image": {{"b64": "..."}}}}'
        raise bad_request("bad_instance", message, REMEDY)
    try:
        return binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as invalid:
        remedy = "Encode the whole file in standard base64, without line breaks or a data: prefix."
        raise bad_request("bad_base64", f"instances[{place}]: b64 is not base64: {invalid}", remedy) from invalid


def from_files(files: Sequence[bytes]) -> list[Picture]:
    """Decode JPEG or PNG files. Raises Refusal: 413 for too many pixels, 400 for a broken image, named by its place."""
    names = ["the image"] if len(files) == 1 else [f"instances[{place}]" for place in range(len(files))]
    try:
        pixels = sum(
            math.prod(codec.size_of(file, name, IMAGE_PIXELS)) for file, name in zip(files, names, strict=True)
        )
        if pixels > IMAGE_PIXELS:
            raise _too_large(f"{pixels:,} pixels are given")
        return [_decoded(file, name) for file, name in zip(files, names, strict=True)]
    except codec.TooManyPixels as large:
        raise _too_large(str(large)) from large
    except codec.BadImage as broken:
        raise bad_request("broken_image", str(broken), "Send the whole file of a JPEG or PNG image.") from broken


def _decoded(file: bytes, name: str) -> Picture:
    begun = perf_counter()
    if (scans := file.count(b"\xff\xda")) > MOST_SCANS:
        raise codec.BadImage(f"{name}: {scans} scans in one file; {MOST_SCANS} are the limit")
    pixels = codec.decode(file, name)
    return Picture(pixels, (pixels.shape[0], pixels.shape[1]), perf_counter() - begun)


def from_tensor(body: bytes, input_size: tuple[int, int], image_size: tuple[int, int] | None) -> list[Picture]:
    """Pictures of an `.npy` file.

    Args:
        input_size: (height, width) of the network's input.
        image_size: of the picture that a float32 tensor was letterboxed from; None: boxes are told in input pixels.

    Raises:
        Refusal: 400 for a file, a kind or a shape that is not among those that the module names; 413 for too many.
    """
    begun = perf_counter()
    array = _array(body, input_size)
    height, width = input_size
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3:
        if array.shape[0] * array.shape[1] > IMAGE_PIXELS:
            raise _too_large(f"{array.shape[0]} x {array.shape[1]} pixels are given")
        size = (array.shape[0], array.shape[1])
        return [Picture(np.ascontiguousarray(array), size, perf_counter() - begun)]
    batch = array[None] if array.ndim == 3 else array
    if array.dtype != np.float32 or batch.ndim != 4 or batch.shape[1:] != (3, height, width):
        raise _wrong_tensor(array.dtype, array.shape, input_size)
    if len(batch) > IMAGES:
        raise _too_many(len(batch))
    low, high = float(batch.min()), float(batch.max())  # NaN becomes both
    if not (low >= 0 and high <= 255):
        message = f"the tensor's values go from {low:g} to {high:g}"
        raise bad_request("bad_tensor", message, "Send values from 0 to 255: no mean, no scale.")
    seconds = (perf_counter() - begun) / len(batch)
    return [Picture(one.transpose(1, 2, 0), image_size or input_size, seconds) for one in batch]


def _array(body: bytes, input_size: tuple[int, int]) -> np.ndarray:
    """The array of an `.npy` file; never objects, and never more memory than the body has."""
    remedy = "Send what numpy.save writes for an array of numbers."
    file = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(file)
        reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, by_column, kind = reader(file)
    except Exception as broken:  # the header is a Python literal: its parser raises whatever it likes
        why = (str(broken).splitlines() or [type(broken).__name__])[0]
        raise bad_request("bad_tensor", f"the body is no .npy file: {why}"[:300], remedy) from broken
    content = memoryview(body)[file.tell() :]
    if kind not in (np.uint8, np.float32) or not 3 <= len(shape) <= 4 or min(shape) < 1:
        raise _wrong_tensor(kind, shape, input_size)
    if math.prod(shape) * kind.itemsize != len(content):
        message = f"the header says {kind} {shape}, and {len(content)} bytes follow"
        raise bad_request("bad_tensor", message, remedy)
    return np.frombuffer(content, kind).reshape(shape, order="F" if by_column else "C")


def _wrong_tensor(kind: np.dtype, shape: tuple[int, ...], input_size: tuple[int, int]) -> Refusal:
    height, width = input_size
    remedy = (f"Send uint8 (h, w, 3), a BGR picture, or float32 (3, {height}, {width}) or (n, 3, {height}, {width}),"
              " letterboxed BGR from 0 to 255.")  # fmt: skip
    return bad_request("bad_tensor", f"the tensor is {kind} {shape}"[:300], remedy)


def _too_many(count: int) -> Refusal:
    message = f"{count} images given, {IMAGES} are the limit"
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_images", message, "Send them in several requests.")


def _too_large(message: str) -> Refusal:
    remedy = f"Send at most {IMAGE_PIXELS:,} pixels in one request."
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "image_too_large", message, remedy)


def refuse_type(content_type: bytes) -> Refusal:
    return unsupported("Content-Type", content_type, REMEDY)
