"""Reading raw frames: each image decoded once, checked, measured and fingerprinted, on all cores."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from workloads.contract import UserError
from workloads.detection.bad_frames import BadFrames
from workloads.detection.frames import describe_frame, fingerprint
from workloads.detection.raw import RawData, RawFrame
from workloads.images.codec import BadImage, decode
from workloads.progress import follow

Item = TypeVar("Item")
Answer = TypeVar("Answer")
_AHEAD = 4
"""Frames in flight per thread: decoded pictures must not pile up."""


@dataclass(frozen=True)
class Measured:
    """What is known of one whole image."""

    size: tuple[int, int]
    """(height, width)."""
    bytes: int
    """Of the image file."""
    read: int
    """Of all its files."""
    sha256: str
    looks: int
    """`frames.fingerprint`."""
    facts: dict[str, float]
    """`frames.describe_frame`."""


def measure_frames(raw: RawData, bad: BadFrames) -> dict[str, Measured]:
    """{frame: what was measured}, in the order of `raw.frames`; bad frames are skipped and counted in `bad`.

    Raises:
        UserError: too many are bad; the rest is not read.
    """
    measured: dict[str, Measured] = {}

    def read(frame: RawFrame) -> Measured | UserError:
        try:
            return measure_frame(raw, frame)
        except UserError as wrong:
            return wrong

    waiting = [frame for frame in raw.frames if frame.name not in bad]
    answers = follow(on_all_cores(read, waiting), "Reading and checking frames", len(waiting))
    for frame, answer in zip(waiting, answers, strict=True):
        if isinstance(answer, UserError):
            bad.add(frame.name, answer)
        else:
            measured[frame.name] = answer
    return measured


def measure_frame(raw: RawData, frame: RawFrame) -> Measured:
    """Read one frame. Raises UserError: a part of it is missing or broken."""
    try:
        content = frame.image.read_bytes()
    except OSError as wrong:
        raise BadImage(f"{frame.image}: cannot be read: {wrong.strerror}") from wrong
    image = decode(content, str(frame.image))
    height, width = image.shape[:2]
    beside = raw.check_parts(frame)
    return Measured((height, width), len(content), len(content) + beside, hashlib.sha256(content).hexdigest(),
                    fingerprint(image), describe_frame(image))  # fmt: skip


def on_all_cores(work: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
    """The answers in order; a few items per thread are in flight, and no more once the caller stops asking."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        flying: deque[Future[Answer]] = deque()
        try:
            for item in items:
                flying.append(pool.submit(work, item))
                if len(flying) > threads * _AHEAD:
                    yield flying.popleft().result()
            while flying:
                yield flying.popleft().result()
        finally:
            for one in flying:
                one.cancel()
