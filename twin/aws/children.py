"""Child processes of the twin: jobs and model servers. None outlives it."""

from __future__ import annotations

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

log = logging.getLogger(__name__)

LAUNCHER = Path(__file__).with_name("launcher.py")


class Child:
    """One running command with its whole process group; stdout and stderr come as one stream of lines."""

    def __init__(self, process: subprocess.Popen[bytes], on_line: Callable[[str], None]):
        self._process = process
        self._on_line = on_line
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as stream:
            for line in stream:
                try:
                    self._on_line(line.decode("utf-8", "replace").rstrip("\r\n"))
                except Exception:
                    # Whoever stops reading stops the child as soon as the pipe is full.
                    log.exception("A line of output was lost")

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Exit status (128 + signal where one ended it), or None where it still runs after `timeout_s`."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join(2.0)
        return code

    def terminate(self, grace_s: float) -> int:
        """SIGTERM to the group, SIGKILL after `grace_s`; returns the exit status."""
        self._send(signal.SIGTERM)
        code = self.wait(grace_s)
        return self.kill() if code is None else code

    def kill(self) -> int:
        self._send(signal.SIGHUP)
        code = self.wait(5.0)
        if code is None:
            self._process.kill()
            code = self.wait()
        return code if code is not None else -1

    def _send(self, number: int) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)


class Children:
    """Starts children from one thread that lives as long as the twin.

    The kernel's parent-death signal fires when the *thread* that started a child ends; a request thread would not do.
    """

    def __init__(self) -> None:
        self._orders: queue.Queue[tuple[Callable[[], subprocess.Popen[bytes]], Future] | None] = queue.Queue()
        self._alive: set[Child] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, daemon=True, name="children")
        self._thread.start()

    def start(self, argv: list[str], *, cwd: Path, env: Mapping[str, str], on_line: Callable[[str], None]) -> Child:
        """Start `argv` with exactly `env`. A command that does not exist exits 127 and says so on its output."""

        def order() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), *argv],
                cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

        future: Future[subprocess.Popen[bytes]] = Future()
        self._orders.put((order, future))
        child = Child(future.result(), on_line)
        with self._lock:
            self._alive = {other for other in self._alive if other.poll() is None} | {child}
        return child

    def _work(self) -> None:
        while (item := self._orders.get()) is not None:
            order, future = item
            try:
                future.set_result(order())
            except BaseException as failed:
                future.set_exception(failed)

    def stop(self, grace_s: float) -> None:
        """End every child: politely for at most `grace_s` in all, then by force."""
        with self._lock:
            running = [child for child in self._alive if child.poll() is None]
        for child in running:
            child._send(signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        for child in running:
            if child.wait(max(0.0, deadline - time.monotonic())) is None:
                child.kill()
        self._orders.put(None)
