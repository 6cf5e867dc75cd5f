"""Threads that do what the event loop must not wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from time import monotonic


class Workers:
    """A fixed number of threads, first come, first served.

    Daemons, unlike those of `concurrent.futures`: a call of a network that never ends must not keep the process.
    """

    PATIENCE_S = 0.5

    def __init__(self, count: int, name: str):
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Callable[[], None]) -> None:
        """Do `task`, which raises nothing, as soon as a thread is free."""
        self._tasks.put(task)

    def waiting(self) -> int:
        """How many tasks no thread has taken yet."""
        return self._tasks.qsize()

    def close(self) -> None:
        """End the threads once they are done with what waits; one that is stuck stays."""
        for _ in self._threads:
            self._tasks.put(None)
        until = monotonic() + self.PATIENCE_S
        for thread in self._threads:
            thread.join(max(0.0, until - monotonic()))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
