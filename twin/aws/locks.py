"""One lock a service: moto was not written for threads, and a snapshot must not see half a change."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Locks:
    """`with locks.changing("s3")` around each change, `with locks.reading("s3")` around each look."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._making = threading.Lock()
        self._dirty: set[str] = set()

    def of(self, service: str) -> threading.RLock:
        with self._making:
            return self._locks[service]

    @contextmanager
    def changing(self, service: str) -> Iterator[None]:
        with self.of(service):
            yield
            self.mark(service)

    def reading(self, service: str) -> threading.RLock:
        return self.of(service)

    def mark(self, service: str) -> None:
        """It changed; also where another service reached into it."""
        with self._making:
            self._dirty.add(service)

    def take_dirty(self) -> set[str]:
        """The services changed since the last call."""
        with self._making:
            dirty, self._dirty = self._dirty, set()
            return dirty
