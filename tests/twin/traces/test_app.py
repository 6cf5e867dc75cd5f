"""The page of a trace."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from twin.aws.traces import Traces
from twin.traces.app import create, rows

TRACE = "1-4efaaf4d-1e8720b39541901950019ee5"


def segment(id, began, ended, parent=None, name=None, **more):
    above = {"parent_id": parent} if parent else {}
    return {
        "trace_id": TRACE, "id": id, "name": name or id, "start_time": began, "end_time": ended,
        "annotations": {"run_key": "gh-1", "phase": "train"}, "service": {"name": "mlops-job"}, **above, **more,
    }  # fmt: skip


RUN = [segment("run", 0.0, 100.0), segment("task", 25.0, 75.0, "run"), segment("job", 50.0, 75.0, "task", fault=True)]


@pytest.fixture
def page(tmp_path):
    traces = Traces(tmp_path / "traces.db")
    traces.put(RUN)
    yield TestClient(create(traces))
    traces.close()


def test_rows_lie_below_their_parents_and_to_scale():
    drawn = [(row.segment["id"], row.depth, row.offset, row.width) for row in rows(reversed(RUN))]
    assert drawn == [("run", 0, 0, 100), ("task", 1, 25, 50), ("job", 2, 50, 25)]


def test_page_of_a_run_and_of_its_trace_show_every_span(page):
    for name in ("gh-1", TRACE):
        reply = page.get(f"/traces/{name}")
        assert reply.status_code == 200
        assert re.findall(r"<summary>(\w+)", reply.text) == ["run", "task", "job"]
        assert "3 spans" in reply.text
        assert "under way" not in reply.text


def test_run_under_way_is_said_to_be_and_its_orphans_are_shown(tmp_path):
    traces = Traces(tmp_path / "traces.db")
    traces.put(RUN[1:])
    reply = TestClient(create(traces)).get("/traces/gh-1")
    assert "under way" in reply.text
    assert "2 spans" in reply.text
    traces.close()


def test_unknown_run_is_404(page):
    assert page.get("/traces/gh-2").status_code == 404


def test_text_of_others_is_text(tmp_path):
    traces = Traces(tmp_path / "traces.db")
    traces.put([segment("run", 0.0, 1.0, name="<script>alert(1)</script>")])
    assert "<script>" not in TestClient(create(traces)).get("/traces/gh-1").text
    traces.close()
