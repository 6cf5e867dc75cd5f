"""Airflow's database and the bucket are lost in the middle of training; nothing is missing afterwards (NFR-005)."""

from __future__ import annotations

import pytest

from twin.rehearsal.play import DATABASE, OBJECTS, Rehearsal
from twin.rehearsal.report import RPO_S, RTO_S

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def report(system_to_lose):
    return Rehearsal(system_to_lose.layout).play()


@pytest.mark.parametrize("loss", [DATABASE, OBJECTS])
def test_objectives_are_measured_and_kept(report, loss):
    measured = {each.what.split(":")[0]: each for each in report.measures if each.loss == loss and each.limit_s}
    assert {"RPO", "RTO"} <= set(measured)
    assert (measured["RPO"].limit_s, measured["RTO"].limit_s) == (RPO_S, RTO_S) == (3600, 14400)
    assert all(each.fine for each in report.measures), report.text()


@pytest.mark.parametrize("loss", [DATABASE, OBJECTS])
def test_nothing_was_done_twice_and_nothing_is_missing(report, loss):
    invariants = [each for each in report.invariants if each.loss in (loss, "")]
    assert len(invariants) >= 6
    assert [each for each in invariants if not each.holds] == []


def test_what_is_lost_for_good_is_said(report):
    text = report.text()
    assert "lost for good" in text
    assert "XCom" in text
