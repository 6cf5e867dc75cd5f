from __future__ import annotations

from mlops.phases.deploy.endpoint import Answer
from mlops.phases.deploy.sample import Totals, as_probe, of_step, percentile
from mlops.phases.deploy.traffic import Sample


def test_a_percentile_is_a_value_that_was_measured():
    """By hand: 95 % of 20 values are 19 of them; the 19th smallest is 19."""
    assert percentile([float(n) for n in range(1, 21)], 95) == 19.0
    assert percentile([7.0], 99) == 7.0
    assert percentile([], 50) is None


def test_what_was_seen_before_the_step_does_not_count_for_it():
    seen = Totals(requests=30, errors=2, latency_p95_ms=12.0)
    assert of_step(seen, {"requests": 25, "errors": 2}, [], 4.0) == Sample(5, 0, 12.0, 4.0)


def test_probes_count_where_cloudwatch_lags():
    probes = [{"ok": True, "latency_ms": 3.0}, {"ok": False, "latency_ms": 9.0}]
    assert of_step(Totals(), {}, probes, 1.0) == Sample(2, 1, 9.0, 1.0)


def test_an_answer_of_another_version_is_no_good_answer():
    assert as_probe(Answer(ok=True, version="v1.0.0", latency_ms=1.234), "v1.0.0") == {"ok": True, "latency_ms": 1.23}
    assert as_probe(Answer(ok=True, version="v0.9.0"), "v1.0.0")["ok"] is False
