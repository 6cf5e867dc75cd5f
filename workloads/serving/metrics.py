"""Counts and latencies of requests, in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the latency histogram, seconds; 0.1 is the specification's P95."""

PATHS = {b"/invocations": "/invocations", b"/ping": "/ping", b"/openapi.json": "/openapi.json", b"/metrics": "/metrics"}


class Metrics:
    """Used from the event loop's thread only."""

    def __init__(self) -> None:
        self._requests: defaultdict[tuple[bytes, int], int] = defaultdict(int)
        self._buckets = [0] * (len(BOUNDS_S) + 1)
        self._seconds = 0.0

    def count(self, path: bytes, status: int, seconds: float) -> None:
        """One answer. Latency is kept for `/invocations` alone; unknown paths share one name."""
        self._requests[path if path in PATHS else b"", status] += 1
        if path == b"/invocations":
            self._buckets[bisect_left(BOUNDS_S, seconds)] += 1
            self._seconds += seconds

    def text(self, version: str, more: Sequence[str] = ()) -> bytes:
        """The exposition, with the model's own lines at its end.

        Quantiles are the scraper's business: `histogram_quantile` over the buckets.
        """
        lines = [
            "# HELP serving_requests_total Answers by path and status.",
            "# TYPE serving_requests_total counter",
        ]
        for (path, status), number in sorted(self._requests.items()):
            lines.append(f'serving_requests_total{{path="{PATHS.get(path, "other")}",status="{status}"}} {number}')
        errors = sum(number for (_, status), number in self._requests.items() if status >= 400)
        lines += [
            "# HELP serving_errors_total Answers with a status of 400 or above.",
            "# TYPE serving_errors_total counter",
            f"serving_errors_total {errors}",
            "# HELP serving_invocation_seconds From the last byte of a request to its answer.",
            "# TYPE serving_invocation_seconds histogram",
        ]
        total = 0
        for bound, number in zip([*BOUNDS_S, float("inf")], self._buckets, strict=True):
            total += number
            name = "+Inf" if bound == float("inf") else f"{bound:g}"
            lines.append(f'serving_invocation_seconds_bucket{{le="{name}"}} {total}')
        lines += [
            f"serving_invocation_seconds_sum {self._seconds:.9f}",
            f"serving_invocation_seconds_count {total}",
            "# HELP serving_model_info The version that answers.",
            "# TYPE serving_model_info gauge",
            f'serving_model_info{{version="{version}"}} 1',
            *more,
        ]
        return ("\n".join(lines) + "\n").encode()
