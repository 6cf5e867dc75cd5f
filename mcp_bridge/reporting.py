"""The living comment follows each step: drawn anew after every tool that moved a run, off the caller's path."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from mlops.errors import MlopsError

log = logging.getLogger(__name__)


class Reporter:
    """Publishes runs from one thread; steps that follow each other quickly share one edit.

    Nothing is lost with the process: every later step, and close_run, draw the whole comment from the record.
    """

    def __init__(self, publish: Callable[[str], object]):
        self._publish = publish
        self._waiting: dict[str, None] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False

    def soon(self, run_key: str | None) -> None:
        """Publish this run when the thread gets to it; None: no run moved."""
        if run_key is None:
            return
        with self._changed:
            self._waiting[run_key] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="reporter", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def drain(self, timeout_s: float) -> bool:
        """Wait until everything asked for is published; False where that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout_s)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._waiting))
                run_key = next(iter(self._waiting))
                del self._waiting[run_key]
                self._busy = True
            self._tell(run_key)

    def _tell(self, run_key: str) -> None:
        fields = {"run_key": run_key}
        try:
            self._publish(run_key)
        except MlopsError as error:
            log.warning("The report of %s is late: %s", run_key, error, extra={"fields": fields})
        except Exception:
            # A defect in drawing the report must not end the thread that all reports share.
            log.exception("The report of %s could not be drawn", run_key, extra={"fields": fields})
