"""The endpoint as its callers see it: addresses, media types, versions, errors as JSON."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest


def invoke(ask, server, body, content_type="application/json", accept=None):
    headers = {"Content-Type": content_type} | ({"Accept": accept} if accept else {})
    body = body if isinstance(body, bytes | str) else json.dumps(body)
    return ask(server, "POST", "/invocations", body, headers)


def test_prediction_names_the_version_in_body_and_header(server, ask, wine):
    status, headers, body = invoke(ask, server, {"instances": wine.rows[:2].tolist()})
    answer = json.loads(body)
    assert status == 200
    assert (headers["X-Model-Version"], answer["model_version"]) == ("1.2.3", "1.2.3")
    assert [p["label"] for p in answer["predictions"]] == ["class_0", "class_0"]


def test_json_and_csv_requests_give_equal_answers(server, ask, wine):
    rows = wine.rows[:20]
    text = "\n".join(",".join(map(repr, row)) for row in rows.tolist())
    _, _, from_json = invoke(ask, server, rows.tolist())
    _, _, from_csv = invoke(ask, server, text, "text/csv; charset=utf-8")
    assert json.loads(from_json) == json.loads(from_csv)


def test_csv_answer_has_a_header_and_one_line_a_row(server, ask, wine):
    status, headers, body = invoke(ask, server, wine.rows[:3].tolist(), accept="text/csv")
    header, *lines = csv.reader(io.StringIO(body.decode()))
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert header == ["label", "probability_class_0", "probability_class_1", "probability_class_2"]
    expected = wine.estimator.predict_proba(wine.scaled[:3])
    np.testing.assert_allclose(np.array([line[1:] for line in lines], dtype=float), expected, atol=1e-5)


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html, application/json;q=0.9"])
def test_json_is_what_is_answered_otherwise(server, ask, wine, accept):
    _, headers, _ = invoke(ask, server, wine.rows[:1].tolist(), accept=accept)
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "/invocations", {}, 405, "method_not_allowed"),
        ("POST", "/ping", {}, 405, "method_not_allowed"),
        ("GET", "/", {}, 404, "not_found"),
        ("POST", "/invocations/", {}, 404, "not_found"),
        ("POST", "/invocations", {"Content-Type": "application/x-npy"}, 415, "unsupported_media_type"),
        ("POST", "/invocations", {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
        ("POST", "/invocations", {"Accept": "image/png"}, 406, "not_acceptable"),
        ("POST", "/invocations", {}, 400, "invalid_json"),
    ],
)
def test_errors_are_json_with_code_message_and_remedy(server, ask, method, path, headers, status, code):
    got, answered, body = ask(server, method, path, b"{" if method == "POST" else None, headers)
    error = json.loads(body)["error"]
    assert (got, answered["Content-Type"], error["code"]) == (status, "application/json", code)
    assert list(error) == ["code", "message", "remedy"]
    assert all(error.values())


def test_not_allowed_method_is_told_which_are(server, ask):
    assert ask(server, "DELETE", "/invocations")[1]["Allow"] == "POST"


def test_query_is_no_part_of_the_address(server, ask):
    assert ask(server, "GET", "/ping?x=1")[0] == 200


def test_openapi_document_is_the_archives(server, ask, wine):
    assert ask(server, "GET", "/openapi.json")[2] == (wine.folder / "openapi.json").read_bytes()


def test_nothing_is_ready_before_the_model_is_loaded(wine, make, ask):
    with make.running(wine.folder, load=False) as early:
        assert ask(early, "GET", "/ping")[0] == 503
        status, _, body = ask(early, "POST", "/invocations", b"[1]")
        assert (status, json.loads(body)["error"]["code"]) == (503, "model_not_ready")
        assert ask(early, "GET", "/metrics")[0] == 200
        early.call(early.load())
        assert ask(early, "GET", "/ping")[0] == 200


def test_metrics_count_answers_by_status(wine, make, ask):
    with make.running(wine.folder) as fresh:
        invoke(ask, fresh, wine.rows[:1].tolist())
        invoke(ask, fresh, [])
        ask(fresh, "GET", "/nowhere")
        text = ask(fresh, "GET", "/metrics")[2].decode()
    assert 'serving_requests_total{path="/invocations",status="200"} 1\n' in text
    assert 'serving_requests_total{path="other",status="404"} 1\n' in text
    assert "serving_errors_total 2\n" in text
    assert "serving_invocation_seconds_count 2\n" in text
    assert 'serving_model_info{version="1.2.3"} 1\n' in text


def test_defect_of_the_server_is_a_500_and_no_silence(wine, make, ask):
    with make.running(wine.folder) as broken:
        broken.routes.model.reader = None
        status, _, body = invoke(ask, broken, [[1]])
        assert (status, json.loads(body)["error"]["code"]) == (500, "internal")
        assert ask(broken, "GET", "/ping")[0] == 200
