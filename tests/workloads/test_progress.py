"""Progress of long work."""

from __future__ import annotations

import json

from workloads import progress


def test_short_work_passes_through_and_says_nothing(capsys):
    assert list(progress.follow(iter("abc"), "Spelling", 3)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""


def test_long_work_tells_how_far_it_is(capsys, monkeypatch):
    """With no time between two lines, each item but the last has its own."""
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    list(progress.follow(range(3), "Counting", 3))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["message"], line["done"], line["total"]) for line in lines] == [
        ("Counting", 1, 3), ("Counting", 2, 3)
    ]  # fmt: skip
