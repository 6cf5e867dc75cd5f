"""Every accepted shape gives the same rows; every mistake is a 4xx that names row and column."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workloads.serving.answers import Refusal
from workloads.serving.bodies import MAX_ROWS, Reader
from workloads.tabular.features import Column, FeaturePlan

NUMBERS = FeaturePlan(
    columns=(Column("width", "number", fill=5.0), Column("height", "number", fill=6.0)),
    outputs=("width", "height"), offset=(0.0, 0.0), scale=(1.0, 1.0), task="regression",
)  # fmt: skip
MIXED = FeaturePlan(
    columns=(
        Column("width", "number", fill=5.0),
        Column("colour", "category", fill="red", encoding="one_hot", categories=("red", "blue")),
        Column("sold", "boolean", fill=0.0),
    ),
    outputs=("width", "colour=red", "colour=blue", "sold"), offset=(0.0,) * 4, scale=(1.0,) * 4, task="regression",
)  # fmt: skip
WHOLE = FeaturePlan(
    columns=NUMBERS.columns, outputs=NUMBERS.outputs, offset=(0.0, 0.0), scale=(1.0, 1.0), task="regression",
    missing="drop",
)  # fmt: skip


def read(plan, body):
    reader = Reader(plan)
    if isinstance(body, str):
        return reader.encode(reader.read_csv(body.encode()))
    return reader.encode(reader.read_json(json.dumps(body).encode()))


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [[1, 2], [3, 4]]},
        {"instances": [{"width": 1, "height": 2}, {"height": 4, "width": 3}]},
        {"columns": ["height", "width"], "data": [[2, 1], [4, 3]]},
        {"columns": ["width", "height"], "index": [0, 1], "data": [[1, 2], [3, 4]]},
        {"data": [[1, 2], [3, 4]]},
        [[1, 2], [3, 4]],
        [{"width": 1, "height": 2}, {"width": 3, "height": 4}],
        {"instances": [["1", "2"], [" 3", 4.0]]},
        "1,2\n3,4\n",
        "1,2\r\n3,4",
        "\ufeffwidth,height\n1,2\n3,4\n",
        'height,"width"\n2,1\n"4",3\n',
        "1,2\n\n3,4\n\n",
    ],
)
def test_all_shapes_give_the_same_rows(body):
    np.testing.assert_array_equal(read(NUMBERS, body), [[1, 2], [3, 4]])


@pytest.mark.parametrize("body", [{"instances": [1, 2]}, {"width": 1, "height": 2}, [1, 2], "1,2",
                                  {"instances": {"width": 1, "height": 2}}])  # fmt: skip
def test_one_row_needs_no_brackets_around_it(body):
    np.testing.assert_array_equal(read(NUMBERS, body), [[1, 2]])


@pytest.mark.parametrize(
    "body",
    [[[None, 2]], [{"width": None, "height": 2}], ",2\n", "width,height\n,2\n", "NaN,2\n", [["NA", 2]], "?,2\n"],
)
def test_missing_value_takes_the_fill_of_training(body):
    np.testing.assert_array_equal(read(NUMBERS, body), [[5, 2]])


@pytest.mark.parametrize("body", [[[3, "blue", True]], "3,blue,true\n", "colour,sold,width\nblue,TRUE,3\n"])
def test_words_and_booleans_are_read_as_in_training(body):
    np.testing.assert_array_equal(read(MIXED, body), [[3, 0, 1, 1]])


def test_word_that_training_never_saw_is_no_mistake():
    np.testing.assert_array_equal(read(MIXED, [[3, "green", False]]), [[3, 0, 0, 0]])


MISTAKES = [
    (NUMBERS, [], "no_rows", "no rows"),
    (NUMBERS, {"instances": []}, "no_rows", "no rows"),
    (NUMBERS, "", "no_rows", "no rows"),
    (NUMBERS, "width,height\n", "no_rows", "no rows"),
    (NUMBERS, 7, "no_rows", "a number given"),
    (NUMBERS, {"instances": "text"}, "no_rows", "a text given"),
    (NUMBERS, [[1, 2], [3]], "wrong_count", "row 2: 1 values given, there are 2 columns"),
    (NUMBERS, "1,2\n3,4,5\n", "wrong_count", "row 2: 3 values given, there are 2 columns"),
    (NUMBERS, [[1, 2], {"width": 1, "height": 2}], "mixed_rows", "row 2: an object given"),
    (NUMBERS, [{"width": 1, "height": 2}, [1, 2]], "mixed_rows", "row 2: a list among named rows"),
    (NUMBERS, [{"width": 1, "hight": 2}], "unknown_column", "row 1: column 'hight' is unknown"),
    (NUMBERS, [{"width": 1, "height": 2}, {"width": 1}], "missing_column", "row 2: column height is missing"),
    (NUMBERS, {}, "missing_column", "column width, height is missing"),
    (NUMBERS, {"columns": ["width", "width"], "data": [[1, 2]]}, "duplicate_column", "column 'width' is given twice"),
    (NUMBERS, {"columns": ["width"], "data": [[1]]}, "missing_column", "column height is missing"),
    (NUMBERS, {"columns": "width", "data": [[1]]}, "bad_columns", "not a list of names"),
    (NUMBERS, {"columns": ["width", "height"], "data": 3}, "no_rows", "a number"),
    (NUMBERS, {"instances": [[1, 2]], "probs": True}, "unknown_member", "'probs'"),
    (NUMBERS, "width,hight\n1,2\n", "unknown_column", "column 'hight' is unknown"),
    (NUMBERS, [[1, 2], [3, "tall"]], "bad_value", "row 2, column height: 'tall' given; a number is needed"),
    (NUMBERS, "1,2\n3,tall\n", "bad_value", "row 2, column height: 'tall' given; a number is needed"),
    (NUMBERS, "width,height\n1,2\n3,tall\n", "bad_value", "row 2, column height: 'tall' given"),
    (NUMBERS, [[1, [2]]], "bad_value", "row 1, column height: a list given"),
    (NUMBERS, [[1, {"a": 2}]], "bad_value", "row 1, column height: an object given"),
    (NUMBERS, 'a"b,2\n"open', "invalid_csv", "not CSV"),
    (MIXED, [[1, ["red"], True]], "bad_value", "row 1, column colour: a list given"),
    (MIXED, [[1, "red", "maybe"]], "bad_value", "row 1, column sold: 'maybe' given"),
    (WHOLE, [[1, 2], [None, 2]], "bad_value", "row 2, column width: no value"),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "body", "code", "words"), MISTAKES, ids=[f"{m[2]}-{m[1]}"[:50] for m in MISTAKES])
def test_mistake_is_named_by_row_and_column(plan, body, code, words):
    with pytest.raises(Refusal) as refused:
        read(plan, body)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert words in refused.value.message
    assert refused.value.remedy


@pytest.mark.parametrize(
    "body",
    [
        [{"width": 1, "price": 9, "height": 2, "serial": "x"}, {"width": 3, "height": 4}],
        {"columns": ["serial", "height", "width"], "data": [["x", 2, 1], [None, 4, 3]]},
        "serial,width,height,price\nx,1,2,9\n,3,4,\n",
    ],
)
def test_columns_of_the_raw_data_that_the_model_does_not_use_are_ignored(body):
    """`serial` was left out as it is constant, `price` is the target: the raw file itself is a good request."""
    plan = replace(NUMBERS, target="price", notes={"serial": "one value only"})
    np.testing.assert_array_equal(read(plan, body), [[1, 2], [3, 4]])


def test_misspelt_column_gets_a_suggestion():
    with pytest.raises(Refusal) as refused:
        read(NUMBERS, [{"width": 1, "heigth": 2}])
    assert refused.value.remedy.startswith("Did you mean 'height'?")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[NaN, 1]", b"[1e999, 1]", b"\xff", b"[" * 5000, b'{"a":1}x', b"nope", b'["\\ud800", 1]']
)
def test_what_is_not_json_is_refused(body):
    with pytest.raises(Refusal, match="not JSON"):
        Reader(NUMBERS).read_json(body)


def test_csv_must_be_utf8():
    with pytest.raises(Refusal, match="byte 2 is not UTF-8"):
        Reader(NUMBERS).read_csv(b"1,\xff")


def test_too_many_rows_are_refused_before_they_cost_memory():
    for body in ("1,2\n" * (MAX_ROWS + 2), [[1, 2]] * (MAX_ROWS + 1)):
        with pytest.raises(Refusal, match="rows given") as refused:
            read(NUMBERS, body)
        assert refused.value.status == 413


def test_long_text_among_numbers_costs_no_memory_per_row():
    """An array of fixed-width text would need 1000 rows x 2 cells x 4 MB."""
    with pytest.raises(Refusal, match="row 1, column width"):
        read(NUMBERS, [["x" * 1_000_000, 1], *[[1, 2]] * 1000])


def test_columns_named_by_numbers_need_the_whole_header():
    plan = FeaturePlan(
        columns=(Column("1", "number", fill=0.0), Column("2", "number", fill=0.0)),
        outputs=("1", "2"), offset=(0.0, 0.0), scale=(1.0, 1.0), task="regression",
    )  # fmt: skip
    np.testing.assert_array_equal(read(plan, "1,5\n3,4\n"), [[1, 5], [3, 4]])


def is_understood_or_refused(reader, read_body, body):
    try:
        return reader.encode(read_body(body)).shape[1] in (2, 4)
    except Refusal as refused:
        return 400 <= refused.status < 500


cells = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("width")
values = st.recursive(
    cells,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["instances", "columns", "data", "width", "height", "colour", "sold", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("plan", [NUMBERS, MIXED, WHOLE], ids=["numbers", "mixed", "whole"])
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=values)
def test_any_json_is_rows_or_a_refusal(plan, value):
    assert is_understood_or_refused(Reader(plan), Reader(plan).read_json, json.dumps(value).encode())


@pytest.mark.parametrize("plan", [NUMBERS, MIXED, WHOLE], ids=["numbers", "mixed", "whole"])
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=60) | st.text(alphabet='12.,\n\r"widthsoeg -ea', max_size=60).map(str.encode))
def test_any_bytes_are_rows_or_a_refusal(plan, body):
    reader = Reader(plan)
    assert is_understood_or_refused(reader, reader.read_csv, body)
    assert is_understood_or_refused(reader, reader.read_json, body)
