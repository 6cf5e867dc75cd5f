"""What happened to a detector's requests, whether it should be replaced, and both in Prometheus' format."""

from __future__ import annotations

import threading
from collections import Counter
from http import HTTPStatus
from typing import NamedTuple

from workloads.serving.answers import Answer, Refusal


class Outcome(NamedTuple):
    """An answer, and what it counts as once it is given."""

    answer: Answer
    works: bool = False
    """The model answered: it works."""
    failure: bool = False
    """The model failed: many in a row mean that it is broken."""
    images: int = 0
    """Answered with detections that may be relied on."""
    detections: int = 0
    fallbacks: tuple[str, ...] = ()
    """The reason of each other image."""
    left_out: tuple[str, ...] = ()
    """Members of the ensemble."""


class Counts:
    """Used from all threads."""

    def __init__(self, failures_limit: int):
        self._limit = failures_limit
        self._lock = threading.Lock()
        self._failures = 0
        self.images = self.detections = self.late = self.refused = 0
        self.fallbacks: Counter[str] = Counter()
        self.members: Counter[str] = Counter()

    def given(self, outcome: Outcome) -> None:
        """A request got its answer."""
        with self._lock:
            self.images += outcome.images
            self.detections += outcome.detections
            self.fallbacks.update(outcome.fallbacks)
            self.members.update(outcome.left_out)
            self._failures = 0 if outcome.works else self._failures + outcome.failure

    def came_late(self) -> None:
        with self._lock:
            self.late += 1

    def turned_away(self) -> None:
        with self._lock:
            self.refused += 1

    def check(self, stalled_s: float | None) -> None:
        """Raises Refusal (503) after too many failures in a row, or while a call hangs, `stalled_s` long."""
        if stalled_s is not None:
            reason = f"a call of the model has been running for {stalled_s:.0f} s"
        elif self._failures >= self._limit:
            reason = f"the model failed {self._failures} times in a row"
        else:
            return
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "model_unhealthy", reason, "Replace this instance.")

    def lines(self, *, waiting: int, healthy: bool, calls: int, rows: int, seconds: float) -> list[str]:
        """Of the exposition.

        Args:
            waiting: requests under way.
            calls, rows, seconds: of the network itself.
        """
        with self._lock:
            fallbacks = [f'serving_fallbacks_total{{reason="{r}"}} {n}' for r, n in sorted(self.fallbacks.items())]
            members = [f'serving_left_out_total{{member="{m}"}} {n}' for m, n in sorted(self.members.items())]
            return [
                *_metric("serving_fallbacks_total", "counter", "Images answered with fallback true.", *fallbacks),
                *_metric("serving_left_out_total", "counter", "Members of the ensemble that failed.", *members),
                *_plain("serving_images_total", "counter", "Images answered with detections.", self.images),
                *_plain("serving_detections_total", "counter", "Boxes in these answers.", self.detections),
                *_plain("serving_late_results_total", "counter", "Results after their answer, dropped.", self.late),
                *_plain("serving_refused_total", "counter", "Requests told that the server is busy.", self.refused),
                *_plain("serving_failures_in_a_row", "gauge", "Failures since the last answer.", self._failures),
                *_plain("serving_healthy", "gauge", "1 while /ping answers 200.", int(healthy)),
                *_plain("serving_waiting", "gauge", "Requests under way.", waiting),
                *_plain("serving_model_calls_total", "counter", "Calls of the network.", calls),
                *_plain("serving_model_images_total", "counter", "Images, or looks at them, in these calls.", rows),
                *_plain("serving_model_seconds_total", "counter", "Time in these calls.", f"{seconds:.6f}"),
            ]


def _plain(name: str, kind: str, text: str, value: object) -> list[str]:
    return _metric(name, kind, text, f"{name} {value}")


def _metric(name: str, kind: str, text: str, *samples: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *samples]
