"""The trace command: X-Ray's segments as a tree."""

from __future__ import annotations

from mlops import trace

ROOT = {"id": "a", "name": "run", "start_time": 100.0, "end_time": 110.0, "service": {"name": "mlops-mcp"}}


def segment(id, parent, name, began, ended, **more):
    return {"id": id, "parent_id": parent, "name": name, "start_time": began, "end_time": ended, **more}


def test_spans_stand_below_their_parents_by_time_and_to_scale():
    late, early = segment("c", "a", "late", 105.0, 110.0), segment("b", "a", "early", 100.0, 105.0)
    lines = trace.draw(trace.trees(trace.spans([late, ROOT, early])))
    assert [line.split("mlops")[0].split()[0] for line in lines] == ["run", "early", "late"]
    bars = [line.split("|")[1] for line in lines]
    assert bars == ["#" * 32, "#" * 16 + " " * 16, " " * 16 + "#" * 16]


def test_what_xray_nests_is_found_too():
    inner = {"id": "b", "name": "inner", "start_time": 101.0, "end_time": 102.0}
    (top,) = trace.trees(trace.spans([{**ROOT, "subsegments": [inner]}]))
    assert [(below.name, below.service) for below in top.below] == [("inner", "mlops-mcp")]


def test_span_whose_parent_has_not_ended_stands_at_the_top():
    assert [top.name for top in trace.trees(trace.spans([segment("b", "z", "task", 1.0, 2.0)]))] == ["task"]


def test_failed_span_is_marked():
    assert "x" in trace.draw(trace.trees(trace.spans([{**ROOT, "fault": True}])))[0].split("|")[1]


def test_run_without_a_trace_is_said_and_fails(moto_url, monkeypatch, capsys):
    for name, value in {"AWS_ENDPOINT_URL": moto_url, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert trace.main(["gh-1-2-0123456789ab"]) == 1
    assert "No span" in capsys.readouterr().err
