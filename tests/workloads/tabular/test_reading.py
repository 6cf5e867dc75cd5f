"""Raw objects: kinds of columns, several files as one, and what cannot be read."""

from __future__ import annotations

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workloads.contract import UserError
from workloads.tabular.reading import read_metadata, read_table


def put(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        path = folder / name.replace("_", ".", 1)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def test_kinds_are_number_boolean_and_category(tmp_path):
    table = read_table(put(tmp_path / "raw", a_csv="n,b,c,yn\n1,true,x,yes\n2.5,false,NA,no\n,true,y,yes\n"))
    assert table.kinds == {"n": "number", "b": "boolean", "c": "category", "yn": "category"}
    np.testing.assert_array_equal(table.columns["n"], [1, 2.5, np.nan])
    np.testing.assert_array_equal(table.columns["b"], [1, 0, 1])
    assert table.columns["c"].tolist() == ["x", None, "y"]


def test_objects_follow_one_another_by_name_whatever_their_format(tmp_path):
    raw = put(tmp_path / "raw", b_csv="x,y\n3,c\n", **{"c_csv.gz": gzip.compress(b"y,x\nd,4\n")})
    pq.write_table(pa.table({"x": [1, 2], "y": ["a", "b"]}), raw / "a.parquet")
    table = read_table(raw)
    assert table.columns["x"].tolist() == [1, 2, 3, 4]
    assert table.columns["y"].tolist() == ["a", "b", "c", "d"]
    assert [(s["path"], s["rows"]) for s in table.sources] == [("a.parquet", 2), ("b.csv", 1), ("c.csv.gz", 1)]


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("x\n1\n", r"b\.csv: column 'y' is missing, a\.csv has it"),
        ("x,y,z\n1,2,3\n", r"b\.csv: column 'z' is not in a\.csv"),
        ("x,x\n1,2\n", r"b\.csv: column 'x' is there 2 times"),
        ("", r"b\.csv: is empty"),
        (b"x,y\n\xff,1\n", r"b\.csv: .*UTF-?8"),
        ("x,y\n1\n", r"b\.csv: cannot be read as CSV"),
    ],
    ids=["fewer", "more", "double", "empty", "not-utf8", "ragged"],
)
def test_object_that_does_not_fit_is_named_with_its_column(tmp_path, second, words):
    with pytest.raises(UserError, match=words):
        read_table(put(tmp_path / "raw", a_csv="x,y\n1,2\n", b_csv=second))


def test_semicolons_and_byte_order_mark_are_read(tmp_path):
    table = read_table(put(tmp_path / "raw", a_csv="\ufeffx;y\n1;2\n"))
    assert {name: values.tolist() for name, values in table.columns.items()} == {"x": [1.0], "y": [2.0]}


def test_few_unreadable_entries_of_a_number_column_count_as_missing(tmp_path):
    body = "".join(f"{n}\n" for n in range(40)) + "oops\n"
    table = read_table(put(tmp_path / "raw", a_csv="x\n" + body))
    assert (table.kinds["x"], table.unreadable, int(table.missing("x").sum())) == ("number", {"x": 1}, 1)


def test_word_far_down_a_number_column_is_found(tmp_path):
    """Types are guessed from the first megabyte; this one comes later."""
    body = "".join(f"{n}.25,{n}\n" for n in range(120_000)) + "late,1\n"
    table = read_table(put(tmp_path / "raw", a_csv="x,y\n" + body))
    assert (table.kinds, table.unreadable) == ({"x": "number", "y": "number"}, {"x": 1})


def test_number_in_one_object_and_text_in_another_is_a_category(tmp_path):
    table = read_table(put(tmp_path / "raw", a_csv="x\n1\n2\n", b_csv="x\nred\nblue\n"))
    assert (table.kinds["x"], table.columns["x"].tolist()) == ("category", ["1", "2", "red", "blue"])


def test_infinity_is_no_value(tmp_path):
    assert read_table(put(tmp_path / "raw", a_csv="x\n1\ninf\n")).missing("x").tolist() == [False, True]


def test_nested_column_is_refused_by_name(tmp_path):
    (tmp_path / "raw").mkdir()
    pq.write_table(pa.table({"x": [[1], [2]]}), tmp_path / "raw" / "a.parquet")
    with pytest.raises(UserError, match="column 'x' has type list"):
        read_table(tmp_path / "raw")


def test_damaged_parquet_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"a\.parquet: cannot be read as Parquet"):
        read_table(put(tmp_path / "raw", a_parquet="no parquet"))


def test_no_data_object_says_what_was_found(tmp_path):
    with pytest.raises(UserError, match=r"no \.csv, \.csv\.gz or \.parquet object found \(readme\.txt\)"):
        read_table(put(tmp_path / "raw", readme_txt="hello"))
    with pytest.raises(UserError, match="nothing"):
        read_table(tmp_path / "absent")


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_damaged_metadata_is_the_requesters_mistake(tmp_path, text):
    with pytest.raises(UserError, match=r"metadata\.json"):
        read_metadata(put(tmp_path / "raw", metadata_json=text))
