"""A figure above its limit, or an invariant that does not hold, makes the rehearsal fail and is named."""

from __future__ import annotations

import json

from twin.rehearsal.report import RPO_S, RTO_S, Report


def kept():
    report = Report()
    report.measure("bucket", "RPO: age of the oldest lost object", 1.25, RPO_S)
    report.measure("bucket", "until finished", 99_999)
    report.expect("bucket", "it trained once", True)
    return report


def test_objectives_are_those_of_the_specification():
    assert (RPO_S, RTO_S) == (60 * 60, 4 * 60 * 60)


def test_a_figure_within_its_limit_and_one_without_are_fine():
    assert kept().fine
    assert "| bucket | RPO: age of the oldest lost object | 1.2 | 3600 |" in kept().text()


def test_a_figure_above_its_limit_is_named():
    report = kept()
    report.measure("bucket", "RTO: until it serves", RTO_S + 1, RTO_S)
    assert not report.fine
    assert "14401.0 | 14400 EXCEEDED" in report.text()


def test_an_invariant_that_does_not_hold_is_named_with_what_was_found():
    report = kept()
    report.expect("bucket", "one comment on its issue", False, 2)
    assert not report.fine
    assert "| bucket | one comment on its issue | NO: 2 |" in report.text()


def test_the_files_hold_figures_and_what_was_typed(tmp_path):
    report = kept()
    report.commands.append(("python -m mlops.recovery check", "9 addresses\n"))
    page = report.write(tmp_path)
    assert "`python -m mlops.recovery check`\n```\n9 addresses\n```" in page.read_text()
    stored = json.loads((tmp_path / "rehearsal.json").read_text())
    assert stored["fine"] is True
    assert stored["measures"][0]["seconds"] == 1.25
