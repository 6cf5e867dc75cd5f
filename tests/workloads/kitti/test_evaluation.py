"""Our evaluator equals the official C++ one, and says where a file is wrong."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest

from workloads.kitti.__main__ import main

FIXTURE = Path(__file__).parents[4] / "shared" / "data" / "kitti_eval"
CAR = "Car 0.00 0 1.50 100.00 100.00 200.00 180.00 1.50 1.60 4.00 2.00 1.70 20.00 1.60"


def write(folder: Path, **files: str) -> tuple[str, str]:
    for name, text in files.items():
        path = folder / name / "000000.txt"
        path.parent.mkdir()
        path.write_bytes(text.encode())
    return str(folder / "labels"), str(folder / "results")


def evaluate(labels: str, results: str) -> int:
    return main(["evaluate", "--labels", labels, "--results", results, "--json"])


def test_fixture_equals_the_official_evaluator_in_every_cell(tmp_path, capsys):
    if not FIXTURE.is_dir():
        pytest.skip("shared/data/kitti_eval is not beside the project")
    with tarfile.open(FIXTURE / "kitti_eval.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    assert evaluate(str(tmp_path / "label_2"), str(tmp_path / "results")) == 0
    ours = json.loads(capsys.readouterr().out)
    for name, metrics in json.loads((FIXTURE / "expected.json").read_text())["results"].items():
        for metric, levels in metrics.items():
            for level, official in levels.items():
                cell = ours[name]["bbox" if metric == "bbox_2d" else metric][level]
                assert cell["R11"] == pytest.approx(official["AP_R11"], abs=1e-4)
                assert cell["R40"] == pytest.approx(official["AP_R40"], abs=1e-4)


def test_one_car_found_exactly_has_precision_one_at_recall_zero_alone(tmp_path, capsys):
    """One score gives one threshold, at recall point 0: R11 = 100/11, R40 leaves that point out."""
    assert evaluate(*write(tmp_path, labels=CAR, results=CAR + " 0.9")) == 0
    document = json.loads(capsys.readouterr().out)
    for metric in ("bbox", "aos", "bev", "3d"):
        assert document["car"][metric]["easy"] == pytest.approx({"R11": 100 / 11, "R40": 0})
    assert document["cyclist"]["bbox"] is None


def test_blank_lines_windows_line_ends_and_unknown_classes_change_nothing(tmp_path, capsys):
    labels = f"\r\n{CAR}\r\n\r\nUnicorn{CAR[3:]}\r\n"
    assert evaluate(*write(tmp_path, labels=labels, results=CAR.replace("Car", "car") + " 9e-1")) == 0
    assert json.loads(capsys.readouterr().out)["car"]["3d"]["easy"]["R11"] == pytest.approx(100 / 11)


@pytest.mark.parametrize("marked", [("labels",), ("results",), ("labels", "results")])
def test_byte_order_mark_costs_no_row(tmp_path, capsys, marked):
    """One car found exactly, as above."""
    texts = {"labels": CAR, "results": CAR + " 0.9"}
    assert evaluate(*write(tmp_path, **{name: "\ufeff" * (name in marked) + text for name, text in texts.items()})) == 0
    assert json.loads(capsys.readouterr().out)["car"]["3d"]["easy"]["R11"] == pytest.approx(100 / 11)


@pytest.mark.parametrize(
    ("labels", "results", "words"),
    [
        (f"{CAR}\n{CAR[:-5]}\n", CAR + " 1", "000000.txt, line 2: 14 fields given; a label row has 15"),
        (CAR, CAR, "line 1: 15 fields given; a result row has 16"),
        (CAR, CAR + " high", "line 1, field 16 (score): 'high' is not a finite number"),
        (CAR, CAR + " nan", "field 16 (score): 'nan' is not a finite number"),
        (CAR.replace("200.00", "90.00"), CAR + " 1", "field 7 (right): 90 given; a negative box"),
        (CAR.replace("0.00 0 ", "0.00 7 "), CAR + " 1", "field 3 (occluded): 7 given"),
    ],
    ids=["14 fields", "no score", "a word", "nan", "negative box", "occluded"],
)
def test_bad_row_ends_with_one_line_naming_file_line_and_field(tmp_path, capsys, labels, results, words):
    assert evaluate(*write(tmp_path, labels=labels, results=results)) == 2
    told = capsys.readouterr().err
    assert words in told
    assert len(told.splitlines()) == 1


def test_results_of_unlabelled_frames_are_refused(tmp_path, capsys):
    labels, results = write(tmp_path, labels=CAR, results=CAR + " 1")
    (tmp_path / "results" / "007518.txt").write_text("")
    assert evaluate(labels, results) == 2
    assert "first: 007518); KITTI's test set has no public labels" in capsys.readouterr().err


def test_types_kitti_does_not_know_are_named_and_the_reason_is_right(tmp_path, capsys):
    """A Tram is KITTI's own, though it is not evaluated: nothing to say of it."""
    row = CAR + " 0.9"
    rows = [row.replace("Car", kind) for kind in ("Unicorn", "Griffin", "Unicorn", "Tram")]
    labels, results = write(tmp_path, labels=CAR, results="\n".join(rows))
    assert main(["evaluate", "--labels", labels, "--results", results]) == 0
    told = capsys.readouterr()
    assert told.err == "note: results of types that KITTI does not know count for nothing: Unicorn (2), Griffin (1)\n"
    assert told.out.count("not computed: no result is of this class\n") == 12


def test_metric_without_its_fields_is_told_so(tmp_path, capsys):
    """KITTI's words for a detector that sees boxes in the image alone."""
    results = "Car -1 -1 -10 100 100 200 180 -1 -1 -1 -1000 -1000 -1000 -10 0.9"
    labels, results = write(tmp_path, labels=CAR, results=results)
    assert main(["evaluate", "--labels", labels, "--results", results]) == 0
    told = [line.split(None, 2) for line in capsys.readouterr().out.splitlines() if line.startswith("car")]
    assert [(metric, rest) for _, metric, rest in told if "not computed" in rest] == [
        ("aos", "not computed: it needs an alpha in every result"),
        ("bev", "not computed: no detection has the fields it needs"),
        ("3d", "not computed: no detection has the fields it needs"),
    ]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["000000", "000006"], "val.txt, line 2: frame 000006 has no label below "),
        ([f"{number:06d}" for number in range(7518)], "line 2: frame 000001 .*as many as KITTI's test set, whose"),
    ],
    ids=["two", "as many as the test set"],
)
def test_listed_frame_without_label_is_named_with_its_line(tmp_path, capsys, names, words):
    labels, results = write(tmp_path, labels=CAR, results=CAR + " 1")
    (tmp_path / "val.txt").write_text("\n".join(names))
    assert main(["evaluate", "--labels", labels, "--results", results, "--frames", str(tmp_path / "val.txt")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(words, line)
