"""What jobs and servers print, as CloudWatch Logs streams, while they run."""

from __future__ import annotations

import threading
import time
import weakref

from moto.logs.models import LogsBackend, logs_backends

from twin.aws.locks import Locks

_BATCH_S = 0.25
_LONGEST_LINE = 256_000
"""CloudWatch's limit of an event is 256 KB."""


class Logs:
    """Writes to moto's CloudWatch Logs."""

    def __init__(self, account: str, region: str, locks: Locks):
        self._account, self._region = account, region
        self._locks = locks
        self._streams: weakref.WeakSet[LogStream] = weakref.WeakSet()
        self._closed = False

    @property
    def backend(self) -> LogsBackend:
        return logs_backends[self._account][self._region]

    def stream(self, group: str, name: str) -> LogStream:
        with self._locks.changing("logs"):
            self.backend.ensure_log_group(group)
            self.backend.ensure_log_stream(group, name)
        stream = LogStream(self, group, name)
        self._streams.add(stream)
        return stream

    def close(self) -> None:
        """Write what is still held back; nothing more after that."""
        for stream in list(self._streams):
            stream.flush()
        self._closed = True

    def put(self, group: str, name: str, events: list[dict[str, object]]) -> None:
        if self._closed:
            return
        with self._locks.changing("logs"):
            # A person may have deleted the group meanwhile.
            self.backend.ensure_log_group(group)
            self.backend.ensure_log_stream(group, name)
            self.backend.put_log_events(group, name, events)


class LogStream:
    """Collects lines for a moment, then writes them as one batch."""

    def __init__(self, logs: Logs, group: str, name: str):
        self.group, self.name = group, name
        self._logs = logs
        self._lock = threading.Lock()
        self._pending: list[dict[str, object]] = []
        self._timer: threading.Timer | None = None

    def write(self, line: str) -> None:
        if not line:
            return
        with self._lock:
            self._pending.append({"timestamp": int(time.time() * 1000), "message": line[:_LONGEST_LINE]})
            if self._timer is None:
                self._timer = threading.Timer(_BATCH_S, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        with self._lock:
            events, self._pending = self._pending, []
            timer, self._timer = self._timer, None
            if timer:
                timer.cancel()
            if events:
                self._logs.put(self.group, self.name, events)
