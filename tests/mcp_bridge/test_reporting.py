"""Reports follow the steps without holding them up."""

from __future__ import annotations

import threading

from mcp_bridge.reporting import Reporter
from mlops.errors import Unavailable


def test_steps_in_quick_succession_share_one_report():
    started, may_go_on, told = threading.Event(), threading.Event(), []

    def publish(run_key):
        told.append(run_key)
        started.set()
        may_go_on.wait(10)

    reporter = Reporter(publish)
    reporter.soon("a")
    started.wait(10)
    for _ in range(5):
        reporter.soon("b")
    may_go_on.set()
    assert reporter.drain(10)
    assert told == ["a", "b"]


def test_trouble_with_one_report_leaves_the_others():
    told = []

    def publish(run_key):
        if run_key != "c":
            raise Unavailable("GitHub") if run_key == "a" else RuntimeError("defect")
        told.append(run_key)

    reporter = Reporter(publish)
    for run_key in "abc":
        reporter.soon(run_key)
    assert reporter.drain(10)
    assert told == ["c"]
