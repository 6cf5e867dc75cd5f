"""How far a long piece of work is: a bar where a person looks, else a log line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from workloads.contract import log

Item = TypeVar("Item")
EVERY_S = 5.0


def follow(items: Iterable[Item], what: str, total: int, unit: str = "frame") -> Iterator[Item]:
    """The same items; tells how many of `total` have been taken. Short work says nothing."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, desc=what, total=total, unit=unit, mininterval=0.2)
        return
    begun = told = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - told >= EVERY_S and done < total:
            told = now
            left = (now - begun) / done * (total - done)
            log(what, done=done, total=total, unit=unit, seconds_left=round(left))
