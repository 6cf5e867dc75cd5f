"""Percentiles and the thinning of old values; figures checked by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from twin.aws.metrics import Distribution, compacted, percentile

SERIES = ("AWS/SageMaker", "ModelLatency", (("EndpointName", "e"),), "Microseconds")
MOMENT = datetime(2026, 1, 1, 12, 0, 10)


@pytest.mark.parametrize(("stat", "value"), [("p0", 1.0), ("p50", 2.5), ("p100", 4.0), ("p75", 3.25), ("p33.3", 1.999)])
def test_percentile_is_linear_between_ranks(stat, value):
    """Values 1 2 3 4: the share p of the way from rank 0 to rank 3."""
    data = [Distribution(SERIES, [4.0, 1.0], MOMENT), Distribution(SERIES, [3.0, 2.0], MOMENT)]
    assert percentile(data, stat) == pytest.approx(value)


@pytest.mark.parametrize("stat", ["Sum", "p101", "px", ""])
def test_other_statistics_are_not_percentiles(stat):
    assert percentile([Distribution(SERIES, [1.0], MOMENT)], stat) is None


def test_old_values_of_a_minute_become_one_distribution_and_recent_ones_stay():
    old = [Distribution(SERIES, [float(n)], MOMENT + timedelta(seconds=n)) for n in range(3)]
    recent = Distribution(SERIES, [9.0], MOMENT + timedelta(hours=1))
    merged, kept = compacted([*old, recent], MOMENT + timedelta(minutes=5))
    assert (merged.values, merged.sum, merged.timestamp) == ((0.0, 1.0, 2.0), 3.0, MOMENT.replace(second=0))
    assert kept is recent
