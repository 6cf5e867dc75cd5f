"""Prometheus' text: cumulative buckets, and names that no caller can invent."""

from __future__ import annotations

from workloads.serving.metrics import Metrics


def test_latency_falls_into_cumulative_buckets():
    metrics = Metrics()
    for seconds in (0.00005, 0.0001, 0.002, 9.0):
        metrics.count(b"/invocations", 200, seconds)
    text = metrics.text("1").decode()
    assert 'le="0.0001"} 2\n' in text  # a bound belongs to its bucket
    assert 'le="0.0025"} 3\n' in text
    assert 'le="+Inf"} 4\n' in text
    assert "serving_invocation_seconds_sum 9.002150000\n" in text


def test_pings_do_not_count_as_latency():
    metrics = Metrics()
    metrics.count(b"/ping", 200, 1.0)
    assert "serving_invocation_seconds_count 0\n" in metrics.text("1").decode()


def test_unknown_addresses_share_one_name():
    metrics = Metrics()
    for number in range(100):
        metrics.count(b"/guess-%d" % number, 404, 0.0)
    assert 'serving_requests_total{path="other",status="404"} 100\n' in metrics.text("1").decode()
