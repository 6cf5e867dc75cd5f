"""Calls of a network from many threads: so many at once, waiting ones joined into batches, none waited for too long.

There is no thread of its own and no pause to collect a batch: whoever finds the network free calls it at once, for
himself and for those who have been waiting. A single caller therefore pays nothing for batching. Where several wait,
who could not be answered in time any more makes way: else a busy network would work for late answers alone.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

import numpy as np

Feed = dict[str, np.ndarray]
Call = Callable[[Feed, Callable[[Callable[[], None]], None]], np.ndarray]
"""(inputs, hand over how to stop) -> (n, ...) outputs."""


class TooLate(Exception):
    """The result is not wanted any more: its request has been answered without it."""


class Ticket:
    """One request's patience, shared by its worker and the event loop."""

    def __init__(self, until: float):
        self.until = until
        """`time.monotonic` of its end."""
        self.given_up = False
        self.began: float | None = None
        """`time.monotonic` of the call that was made last for this request."""
        self._stop: Callable[[], None] | None = None

    def give_up(self) -> None:
        """The request has been answered: do not begin, and stop what runs for it alone."""
        self.given_up = True
        if self._stop:
            self._stop()

    def stop_with(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        if self.given_up:
            stop()

    def left_s(self) -> float:
        return 0.0 if self.given_up else self.until - monotonic()


class _Block:
    """One caller's rows, and what became of them."""

    def __init__(self, feed: Feed, rows: int, ticket: Ticket):
        self.feed, self.rows, self.ticket = feed, rows, ticket
        self.outcome: np.ndarray | Exception | None = None


class Gate:
    """Stands before one network."""

    def __init__(self, call: Call, *, slots: int = 1, most_rows: int = 1):
        """
        Args:
            slots: calls at the same time.
            most_rows: in a batch of several callers; one caller's rows are never parted.
        """
        self._call, self._slots, self._most_rows = call, slots, most_rows
        self._waiting: deque[_Block] = deque()
        self._running: dict[int, float] = {}
        self._changed = threading.Condition()
        self.calls = self.rows = 0
        self.seconds = 0.0
        self.typical_s = 0.0
        """What a call takes: a mean that forgets."""

    def run(self, feed: Feed, ticket: Ticket) -> np.ndarray:
        """The network's rows for `feed`, whose arrays have one length.

        Raises:
            TooLate: the ticket ended before the result was there.
            Exception: what the call raised.
        """
        block = _Block(feed, len(next(iter(feed.values()))), ticket)
        batch = self._turn(block)
        if batch:
            self._lead(batch)
        if isinstance(block.outcome, Exception):
            raise block.outcome
        if block.outcome is None or ticket.given_up:
            raise TooLate
        return block.outcome

    def expected_s(self) -> float:
        """How long one more caller would wait for its result."""
        with self._changed:
            ahead = len(self._running) + len(self._waiting) / self._most_rows
        return self.typical_s * (1 + ahead / self._slots)

    def longest_s(self) -> float:
        """How long the oldest call under way has been running."""
        with self._changed:
            return monotonic() - min(self._running.values()) if self._running else 0.0

    def _turn(self, block: _Block) -> list[_Block]:
        """Wait until the block is answered (nothing to do) or first in line before a free slot (a batch to lead)."""
        with self._changed:
            self._waiting.append(block)
            while block.outcome is None:
                left = block.ticket.left_s()
                if len(self._running) < self._slots and self._waiting and self._waiting[0] is block:
                    if left > self.typical_s or len(self._waiting) == 1:
                        return self._batch()
                    left = 0.0
                if left <= 0:
                    if block in self._waiting:
                        self._waiting.remove(block)
                        self._changed.notify_all()  # it may have stood in front
                    raise TooLate
                self._changed.wait(left)
            return []

    def _batch(self) -> list[_Block]:
        """The blocks of the next call, which begins now."""
        batch = [self._waiting.popleft()]
        rows = batch[0].rows
        while self._waiting and rows + self._waiting[0].rows <= self._most_rows:
            batch.append(self._waiting.popleft())
            rows += batch[-1].rows
        self._running[id(batch[0])] = now = monotonic()
        for block in batch:
            block.ticket.began = now
        return batch

    def _lead(self, batch: Sequence[_Block]) -> None:
        """Call the network for all blocks of the batch, and tell their threads."""
        outcomes: list[np.ndarray] | Exception
        try:
            outcomes = self._called(batch)
        except Exception as failed:
            outcomes = failed
        with self._changed:
            spent = monotonic() - self._running.pop(id(batch[0]))
            self.calls += 1
            self.rows += sum(block.rows for block in batch)
            self.seconds += spent
            self.typical_s += (spent - self.typical_s) / min(self.calls, 10)
            for place, block in enumerate(batch):
                block.outcome = outcomes if isinstance(outcomes, Exception) else outcomes[place]
            self._changed.notify_all()

    def _called(self, batch: Sequence[_Block]) -> list[np.ndarray]:
        if len(batch) == 1:
            return [self._call(batch[0].feed, batch[0].ticket.stop_with)]
        feed = {name: np.concatenate([block.feed[name] for block in batch]) for name in batch[0].feed}
        rows = self._call(feed, lambda stop: None)  # what several wait for is not stopped for one
        ends = np.cumsum([block.rows for block in batch])
        if len(rows) != ends[-1]:
            raise ValueError(f"{len(rows)} rows for {ends[-1]} images")
        return np.split(rows, ends[:-1])
