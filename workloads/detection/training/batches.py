"""Which pictures make which batch, and their making ahead of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from workloads.augmentation.frame import Frame

_ORDER = 1
"""Sets the stream of chance of an epoch's order apart from those of its pictures."""
_AHEAD = 3
"""Batches made before they are asked for."""


@dataclass(frozen=True)
class Batch:
    """Pictures of one size with their targets."""

    images: np.ndarray
    """(n, H, W, 3) uint8 BGR."""
    targets: np.ndarray
    """(n, most, 5) float32 [class, centre x, centre y, width, height] in pixels; rows of zeros are padding."""


def epoch_order(count: int, batch_size: int, epoch: int, seed: int) -> np.ndarray:
    """(steps, batch_size) places of frames: all of them, shuffled, and the first again until the last batch is full.

    The same for any number of devices: each takes its columns.
    """
    shuffled = np.random.default_rng((seed, epoch, 0, _ORDER)).permutation(count)
    return np.resize(shuffled, (-(-count // batch_size), batch_size))


def collate(frames: list[Frame]) -> Batch:
    """Frames of one size as arrays."""
    most = max(1, *(len(frame.classes) for frame in frames))
    targets = np.zeros((len(frames), most, 5), np.float32)
    for row, frame in zip(targets, frames, strict=True):
        boxes = frame.boxes_xyxy
        row[: len(boxes), 0] = frame.classes
        row[: len(boxes), 1:3] = (boxes[:, :2] + boxes[:, 2:]) / 2
        row[: len(boxes), 3:] = boxes[:, 2:] - boxes[:, :2]
    return Batch(np.stack([frame.image for frame in frames]), targets)


def prefetched(order: Iterable[Iterable[int]], make: Callable[[int], Frame], threads: int) -> Iterator[Batch]:
    """The batches of `order` in turn, made by threads while the network learns: what is slow releases Python's lock.

    Args:
        order: the places of each batch. make: the picture of a place.

    Raises:
        UserError: a picture cannot be read.
    """
    waiting: deque[list[Future[Frame]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="picture") as pool:
        try:
            for places in order:
                waiting.append([pool.submit(make, int(place)) for place in places])
                if len(waiting) > _AHEAD:
                    yield collate([one.result() for one in waiting.popleft()])
            while waiting:
                yield collate([one.result() for one in waiting.popleft()])
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
