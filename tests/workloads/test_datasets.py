"""The bundled datasets as raw objects: true values, readable names, honest metadata."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from workloads import datasets


def read(folder):
    with (folder / "data.csv").open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return header, rows, json.loads((folder / "metadata.json").read_text())


@pytest.mark.parametrize(
    ("name", "rows", "columns", "target", "classes"),
    [
        ("breast_cancer", 569, 31, "diagnosis", ["malignant", "benign"]),
        ("digits", 1797, 65, "digit", [str(n) for n in range(10)]),
        ("wine", 178, 14, "cultivar", ["class_0", "class_1", "class_2"]),
        ("diabetes", 442, 11, "disease_progression", []),
    ],
)
def test_dataset_is_written_whole_with_its_description(tmp_path, name, rows, columns, target, classes):
    header, body, metadata = read(datasets.write(name, tmp_path))
    assert len(body) == rows
    assert len(header) == len(set(header)) == columns
    assert header[-1] == metadata["target"] == target
    assert metadata["classes"] == classes
    assert all(metadata[key] for key in ("task", "description", "source", "licence"))
    assert "derived" not in metadata


@pytest.mark.parametrize("name", datasets.SOURCES)
def test_numbers_read_back_exactly(tmp_path, name):
    _, body, _ = read(datasets.write(name, tmp_path))
    np.testing.assert_array_equal(np.array([row[:-1] for row in body], dtype=float), datasets.load(name).features)


def test_column_names_are_words_in_snake_case():
    for name in datasets.SOURCES:
        assert all(column.replace("_", "a").isalnum() and column.islower() for column in datasets.load(name).columns)


def test_first_patient_is_the_malignant_one_of_the_original_file(tmp_path):
    """Row 1 of wdbc.data: 842302, M, 17.99, 10.38, 122.8, 1001, ..."""
    header, body, _ = read(datasets.write("breast_cancer", tmp_path))
    assert header[:2] == ["mean_radius", "mean_texture"]
    assert body[0][:4] == ["17.99", "10.38", "122.8", "1001"]
    assert body[0][-1] == "malignant"


def test_shift_moves_the_mean_by_that_many_deviations(tmp_path):
    plain = datasets.load("diabetes").features
    _, body, metadata = read(datasets.write("diabetes", tmp_path, shift=2.0))
    moved = np.array([row[:-1] for row in body], dtype=float)
    np.testing.assert_allclose((moved.mean(0) - plain.mean(0)) / plain.std(0), 2.0, atol=0.6)  # whole columns round
    assert metadata["derived"] == {"rows": 442, "seed": 0, "shift": 2.0}


def test_shifted_pixels_stay_whole_and_not_negative(tmp_path):
    _, body, _ = read(datasets.write("digits", tmp_path, shift=-1.0))
    pixels = np.array([row[:-1] for row in body], dtype=float)
    assert pixels.min() == 0
    np.testing.assert_array_equal(pixels, np.round(pixels))


def test_more_rows_than_there_are_hold_no_duplicates(tmp_path):
    _, body, _ = read(datasets.write("wine", tmp_path, rows=400, seed=3))
    assert len(body) == 400
    assert len({tuple(row) for row in body}) == 400


def test_same_seed_gives_the_same_bytes(tmp_path):
    once = datasets.write("wine", tmp_path / "a", rows=50, seed=5) / "data.csv"
    again = datasets.write("wine", tmp_path / "b", rows=50, seed=5) / "data.csv"
    other = datasets.write("wine", tmp_path / "c", rows=50, seed=6) / "data.csv"
    assert once.read_bytes() == again.read_bytes() != other.read_bytes()


def test_command_writes_the_chosen_datasets_and_prints_their_folders(tmp_path, capsys):
    assert datasets.main(["--out", str(tmp_path), "--dataset", "wine", "--dataset", "diabetes"]) == 0
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["diabetes", "wine"]
    assert capsys.readouterr().out.split() == [str(tmp_path / "wine"), str(tmp_path / "diabetes")]


@pytest.mark.parametrize("wrong", [["--rows", "0"], ["--shift", "nan"], ["--dataset", "iris"]])
def test_command_refuses_senseless_arguments(tmp_path, wrong, capsys):
    with pytest.raises(SystemExit, match="2"):
        datasets.main(["--out", str(tmp_path), *wrong])
    assert wrong[1] in capsys.readouterr().err
