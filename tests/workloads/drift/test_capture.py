"""Captured traffic is read as the endpoint read it; what cannot be read is counted."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from workloads.drift.capture import read_captures
from workloads.tabular.features import Column, FeaturePlan

PLAN = FeaturePlan(
    columns=(
        Column("width", "number", fill=1.0),
        Column("colour", "category", fill="red", encoding="one_hot", categories=("red",)),
    ),
    outputs=("width", "colour=red"), offset=(0.0, 0.0), scale=(1.0, 1.0), task="classification",
    target="kind", classes=("a", "b"),
)  # fmt: skip


def line(
    asked, answered='{"predictions":[{"label":"a"}]}', kind="application/json", answer_kind="application/json", **event
):
    def part(data, kind, mode):
        if isinstance(data, bytes):
            return {"observedContentType": kind, "mode": mode, "data": base64.b64encode(data).decode(),
                    "encoding": "BASE64"}  # fmt: skip
        return {"observedContentType": kind, "mode": mode, "data": data, "encoding": kind.split("/")[1].upper()}

    capture = {"endpointInput": part(asked, kind, "INPUT"), "endpointOutput": part(answered, answer_kind, "OUTPUT")}
    return json.dumps({"captureData": capture, "eventMetadata": {"eventId": "1", **event}, "eventVersion": "0"})


def read(folder, *lines, plan=PLAN, **options):
    place = folder / "mlops-x" / "blue" / "2026" / "11" / "23" / "10"
    place.mkdir(parents=True)
    (place / "00-00-000.jsonl").write_text("\n".join(lines) + "\n")
    return read_captures(folder, plan, **options)


def test_json_csv_and_base64_bodies_give_the_same_columns(tmp_path):
    captured = read(
        tmp_path,
        line('{"instances": [[1.5, "red"]]}'),
        line('[{"colour": "blue", "width": 2}]'),
        line("3,red\n,blue\n", kind="text/csv"),
        line(b'{"instances": [[4, null]]}'),
        line(b"colour,width\nred,5\n", kind="text/csv; charset=utf-8"),
    )
    np.testing.assert_array_equal(captured.columns["width"], [1.5, 2, 3, np.nan, 4, 5])
    assert captured.columns["colour"].tolist() == ["red", "blue", "red", "blue", None, "red"]
    assert (captured.rows, captured.lines, captured.skipped.total()) == (6, 5, 0)


def test_answers_in_json_and_csv_give_labels(tmp_path):
    captured = read(
        tmp_path,
        line('[[1, "red"], [1, "red"]]', '{"predictions":[{"label":"a"},{"label":"b"}]}'),
        line('[[1, "red"]]', "label,probability_a\nb,0.25\n", answer_kind="text/csv"),
    )
    assert captured.predictions == ["a", "b", "b"]


def test_regression_answers_give_values(tmp_path):
    plan = FeaturePlan(columns=PLAN.columns[:1], outputs=("width",), offset=(0.0,), scale=(1.0,), task="regression")
    captured = read(tmp_path, line("[1]", '{"predictions":[{"value":2.5}]}'), line("[1]", "value\n-1\n",
                    answer_kind="text/csv"), plan=plan)  # fmt: skip
    assert captured.predictions == [2.5, -1.0]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("not json", "broken_line"),
        ("[1, 2]", "broken_line"),
        ("{}", "broken_line"),
        ('{"captureData": {"endpointInput": {"data": 7}}}', "broken_line"),
        ('{"captureData": {"endpointInput": {"data": "!", "encoding": "BASE64"}}}', "broken_line"),
        (line("[[1]]"), "refused_request"),
        (line('[["tall", "red"]]'), "refused_request"),
        (line('[[1, "red"]]', "sorry"), "unread_answer"),
        (line('[[1, "red"]]', '{"error": {}}'), "unread_answer"),
        (line('[[1, "red"]]', "", answer_kind="text/csv"), "unread_answer"),
    ],
)
def test_line_that_cannot_be_read_is_counted_and_the_next_one_read(tmp_path, broken, reason):
    captured = read(tmp_path, broken, "", line('[[9, "red"]]'))
    assert dict(captured.skipped) == {reason: 1}
    assert captured.columns["width"][-1] == 9
    assert captured.lines == 2


def test_empty_folder_gives_no_rows(tmp_path):
    captured = read_captures(tmp_path, PLAN)
    assert (captured.rows, captured.lines) == (0, 0)


def test_requests_of_our_own_are_no_traffic(tmp_path):
    captured = read(
        tmp_path,
        line('[[1, "red"]]', inferenceId="mlops-probe-1"),
        line('[[2, "red"]]', inferenceId="a customer's"),
        line('[[3, "red"]]'),
        own_requests="mlops-probe",
    )
    assert captured.columns["width"].tolist() == [2, 3]
    assert captured.predictions == ["a", "a"]
    assert captured.skipped == {"own_request": 1}
