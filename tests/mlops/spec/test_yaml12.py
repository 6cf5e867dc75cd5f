import math

import pytest

from mlops.spec.yaml12 import MAX_BYTES, MAX_DEPTH, MAX_NODES, from_plain, read, resolve, to_plain


@pytest.mark.parametrize(
    ("plain", "value"),
    [
        ("3e-4", 3e-4),
        ("on", "on"),
        ("yes", "yes"),
        ("030", 30),
        ("1:30", "1:30"),
        ("0o17", 15),
        ("0x1F", 31),
        ("-7", -7),
        ("+1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1_000", "1_000"),
        ("2026-11-23", "2026-11-23"),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("NULL", None),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("1e999", math.inf),
        ("0.9.15", "0.9.15"),
        ("9" * 100, "9" * 100),
    ],
)
def test_plain_scalars_follow_the_core_schema(plain, value):
    resolved = resolve(plain)
    assert resolved == value
    assert type(resolved) is type(value)


def test_not_a_number_is_a_float():
    assert math.isnan(resolve(".NaN"))


def test_quoted_scalars_are_text():
    assert to_plain(read("a: '030'\nb: \"3e-4\"").root) == {"a": "030", "b": "3e-4"}


def test_each_node_knows_its_line_path_and_source():
    root = read("a: 1\nb:\n  - x\n  - c: 0.10\n", first_line=10).root
    inner = root.value["b"].value[1].value["c"]
    assert (inner.line, inner.written, inner.source, inner.value) == (13, "b[1].c", "0.10", 0.1)


def test_a_repeated_key_is_reported_and_the_first_is_kept():
    reading = read("a: 1\nb: 2\na: 3\n")
    assert [(p.line, p.field, p.code) for p in reading.problems] == [(3, "a", "duplicate_key")]
    assert to_plain(reading.root) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &x 1", "yaml_feature"),
        ("a: *x", "yaml_feature"),
        ("<<: {a: 1}", "yaml_feature"),
        ("a: !!python/object/apply:os.system [x]", "yaml_feature"),
        ("a: !!int '1'", "yaml_feature"),
        ("a: 1\n---\nb: 2", "yaml_feature"),
        ("? [a]\n: 1", "bad_key"),
        ("{}: 1", "bad_key"),
        ('"a\\nb": 1', "bad_key"),
        ("? " + "k" * 200 + "\n: 1", "bad_key"),
        ("a: {b", "yaml_syntax"),
        ("a: b: c", "yaml_syntax"),
        ("\ta: 1", "yaml_syntax"),
        ("a: @x", "yaml_syntax"),
        ('a: "\\UFFFFFFFF"', "yaml_syntax"),
        ("%YAML " + "9" * 5000 + ".1\n---\na: 1", "yaml_syntax"),
        ('a: "\\0"', "bad_character"),
        ('a: "\\ud800"', "bad_character"),
        ("a: \x00", "bad_character"),
        ("a: \ud800", "bad_character"),
        ("a: b\u2028c: d", "bad_character"),
        ("a: " + "x" * 5000, "too_large"),
        ("a: " + "[" * 30_000, "too_large"),
        ("a: " + "{a: " * 10_000, "too_large"),
        ("- " * 20_000, "too_large"),
        ("a: [" + "1," * (MAX_NODES + 1) + "]", "too_large"),
        ("a: " + "あ" * (MAX_BYTES // 3), "too_large"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_a_problem(text, code):
    assert code in [problem.code for problem in read(text).problems]


def test_reading_stops_when_there_is_enough_to_mend():
    assert len(read("a: 1\n" * 5000).problems) == 50


def test_json_data_becomes_nodes_and_back():
    data = {"a": [1, 2.5, None, True, {"b": "c"}]}
    assert to_plain(from_plain(data)) == data


def test_endless_json_data_is_cut():
    nested: list = []
    for _ in range(10_000):
        nested = [nested]
    node = from_plain(nested)
    for _ in range(MAX_DEPTH):
        node = node.value[0]
    assert node.value == "…"
