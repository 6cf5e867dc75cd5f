"""The report's pages: the same bytes every time, and nothing falls off the foot of a page."""

from __future__ import annotations

import numpy as np

from workloads.detection.pages import Pages


def fill(path, rows: int = 3) -> bytes:
    with Pages(path, "Report of $model") as pages:
        pages.facts("Facts", [("Run", "gh-1-2-abc"), ("Seal", "BROKEN: " + "a long reason " * 20)], bad=[1])
        pages.table("Table", ("class", "AP"), [(f"class {n}", "0.5") for n in range(rows)], (0.5, 0.5), note="A note.")
        pages.axes(4)[0].plot([0, 1], [1, 0])
        pages.picture(np.full((100, 300, 3), 90, np.uint8), "A picture.")
    return path.read_bytes()


def test_equal_content_gives_equal_bytes(tmp_path):
    assert fill(tmp_path / "a.pdf") == fill(tmp_path / "b.pdf")


def test_long_table_goes_on_on_the_next_pages(tmp_path):
    def pages(content: bytes) -> int:
        return content.count(b"/Type /Page\n") + content.count(b"/Type /Page ")

    assert pages(fill(tmp_path / "short.pdf")) == 1
    assert pages(fill(tmp_path / "long.pdf", rows=120)) == 4
