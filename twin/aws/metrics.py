"""Metrics in moto's CloudWatch, with the percentiles that moto leaves out."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.cloudwatch.models import (
    CloudWatchBackend,
    MetricAggregatedDatum,
    MetricDatum,
    Statistics,
    cloudwatch_backends,
)
from moto.cloudwatch.responses import CloudWatchResponse

from twin.aws.locks import Locks

_FINE = timedelta(minutes=15)
"""Values of each second are told apart that long; older ones by the minute, as CloudWatch keeps them."""
_COMPACT_EVERY = timedelta(minutes=5)

Series = tuple[str, str, tuple[tuple[str, str], ...], str]
"""Namespace, name, dimensions, unit."""


class Distribution(MetricAggregatedDatum):
    """Many values of one moment. moto sees their statistics set; percentiles read the values."""

    def __init__(self, series: Series, values: Sequence[float], timestamp: datetime):
        namespace, name, dimensions, unit = series
        super().__init__(
            namespace, name, min(values), max(values), len(values), math.fsum(values),
            [{"Name": key, "Value": value} for key, value in dimensions], timestamp, unit,
        )  # fmt: skip
        self.series = series
        self.values = tuple(values)


class Metrics:
    """Collects values in memory; `flush` hands them to moto (each second, and before every question)."""

    def __init__(self, account: str, region: str, locks: Locks):
        self._account, self._region = account, region
        self._locks = locks
        self._lock = threading.Lock()
        self._pending: defaultdict[Series, list[float]] = defaultdict(list)
        self._next_compaction = _now() + _COMPACT_EVERY

    @property
    def backend(self) -> CloudWatchBackend:
        return cloudwatch_backends[self._account][self._region]

    def add(self, namespace: str, name: str, value: float, unit: str, **dimensions: str) -> None:
        self.add_all([((namespace, name, tuple(dimensions.items()), unit), value)])

    def add_all(self, values: Sequence[tuple[Series, float]]) -> None:
        with self._lock:
            for series, value in values:
                self._pending[series].append(value)

    def flush(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, defaultdict(list)
        if not pending:
            return
        moment = _now()
        with self._locks.changing("cloudwatch"):
            self.backend.metric_data.extend(Distribution(series, values, moment) for series, values in pending.items())
            if moment >= self._next_compaction:
                self._next_compaction = moment + _COMPACT_EVERY
                self.backend.metric_data[:] = compacted(self.backend.metric_data, moment - _FINE)


def _now() -> datetime:
    """moto's times are naive and in UTC."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def compacted(data: Sequence[Any], before: datetime) -> list[Any]:
    """The same data with one distribution a series and minute, where older than `before`. Order is of no matter."""
    kept, minutes = [], defaultdict(list)
    for datum in data:
        if isinstance(datum, Distribution) and datum.timestamp < before:
            minutes[datum.series, datum.timestamp.replace(second=0)].append(datum.values)
        else:
            kept.append(datum)
    merged = [
        Distribution(series, [value for values in many for value in values], minute)
        for (series, minute), many in minutes.items()
    ]
    return merged + kept


def percentile(data: Sequence[Any], stat: str) -> float | None:
    """The percentile `stat` (`p50`, `p99.9`) of metric data, linear between ranks; None where it names none.

    A statistics set without its values counts as its average, repeated.
    """
    try:
        share = float(stat[1:]) / 100
    except ValueError:
        return None
    if stat[:1] != "p" or not 0 <= share <= 1:
        return None
    values: list[float] = []
    for datum in data:
        if isinstance(datum, MetricDatum):
            values.append(datum.value)
        elif isinstance(datum, Distribution):
            values.extend(datum.values)
        elif datum.sample_count:
            values.extend([datum.sum / datum.sample_count] * int(datum.sample_count))
    if not values:
        return None
    values.sort()
    rank = share * (len(values) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (rank - low)


def teach_moto_percentiles() -> None:
    """Make GetMetricData and GetMetricStatistics answer `p..` statistics; safe to call twice."""
    original = Statistics.get_statistics_for_type
    if getattr(original, "knows_percentiles", False):
        return

    def get_statistics_for_type(self: Statistics, stat: str) -> Any:
        known = original(self, stat)
        return percentile(self.metric_data, stat) if known is None else known

    get_statistics_for_type.knows_percentiles = True  # type: ignore[attr-defined]
    Statistics.get_statistics_for_type = get_statistics_for_type  # type: ignore[method-assign]
    # moto's serializer reads the attribute when it writes a data point.
    Statistics.extended_statistics = property(_extended_statistics)  # type: ignore[attr-defined]
    ask = CloudWatchResponse.get_metric_statistics

    def get_metric_statistics(self: CloudWatchResponse) -> Any:
        self.params["Statistics"] = [
            *self._get_param("Statistics", []),
            *self._get_param("ExtendedStatistics", []),
        ]
        return ask(self)

    CloudWatchResponse.get_metric_statistics = get_metric_statistics  # type: ignore[method-assign]


def _extended_statistics(statistics: Statistics) -> dict[str, float] | None:
    found = {stat: percentile(statistics.metric_data, stat) for stat in statistics.stats if stat.startswith("p")}
    return {stat: value for stat, value in found.items() if value is not None} or None
