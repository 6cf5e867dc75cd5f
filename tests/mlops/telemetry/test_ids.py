"""Ids that every process derives alike."""

from __future__ import annotations

from mlops.telemetry import ids


def test_trace_id_depends_on_the_run_key_alone():
    """Source: `printf 'trace/gh-1-2-0123456789ab' | sha256sum | cut -c1-32`."""
    assert f"{ids.trace_id('gh-1-2-0123456789ab'):032x}" == "dd4a592fc51d7705abae6a78f29f40ec"


def test_xrays_spelling_splits_after_eight_digits():
    assert ids.xray(0x4EFAAF4D1E8720B39541901950019EE5) == "1-4efaaf4d-1e8720b39541901950019ee5"


def test_spans_of_a_run_differ_by_name_and_from_another_runs():
    found = {ids.span_id(key, *names) for key in ("a", "b") for names in ((), ("task",), ("task", "1"))}
    assert len(found) == 6


def test_traceparent_has_w3cs_form():
    version, trace, span, flags = ids.traceparent("gh-1", "task").split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")
