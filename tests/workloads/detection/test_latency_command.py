"""The latency command: every stage of every row, absent providers named, bad input in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workloads.detection.__main__ import main
from workloads.detection.latency import STAGES, Stopwatch
from workloads.detection.scoring import present_providers
from workloads.images.codec import encode_jpeg, encode_png
from workloads.yolox.precision import to_float16


@pytest.fixture
def network(make_network, tmp_path):
    path = tmp_path / "known.onnx"
    path.write_bytes(make_network([[[32, 32, 20, 20, 0.9, 0.9]]], classes=1))
    return path


def latency(*words: str) -> int:
    return main(["latency", *words, "--repeats", "6"])


def test_every_stage_has_its_percentiles_and_the_total_is_their_sum(network, tmp_path, capsys):
    (tmp_path / "frames").mkdir()
    picture = np.zeros((40, 80, 3), np.uint8)
    (tmp_path / "frames" / "a.png").write_bytes(encode_png(picture))
    (tmp_path / "frames" / "b.jpg").write_bytes(encode_jpeg(picture))
    assert latency("--model", str(network), "--images", str(tmp_path / "frames"), "--threads", "1", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    (row,) = document["rows"]
    assert list(row["stages"]) == [*STAGES, "total"]
    assert (row["frames"], row["threads"], row["input_size"], row["precision"]) == (6, 1, [64, 64], "fp32")
    assert row["stages"]["total"]["mean"] == pytest.approx(sum(row["stages"][name]["mean"] for name in STAGES))
    assert document["machine"]["processor"]
    assert "2 files" in document["pictures"]


def test_absent_provider_has_a_line_without_figures(network, capsys):
    if "cuda" in present_providers():
        pytest.skip("this onnxruntime has CUDA")
    assert latency("--model", str(network), "--provider", "cpu", "cuda", "--precision", "fp32", "fp16", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["precision"], row["provider"], bool(row["stages"])) for row in rows] == [
        ("fp32", "cpu", True), ("fp32", "cuda", False), ("fp16", "cpu", True), ("fp16", "cuda", False)]  # fmt: skip
    assert rows[1]["absent"].startswith("this onnxruntime has cpu")


def test_network_that_is_lowered_already_is_told_as_what_it_is(network, tmp_path, capsys):
    lowered = tmp_path / "half.onnx"
    lowered.write_bytes(to_float16(network.read_bytes()))
    assert latency("--model", str(lowered), "--json") == 0
    assert [row["precision"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["fp16"]


def test_training_product_is_timed_under_its_variant(judge, capsys):
    judged = judge([[("Car", 10, 10, 60, 60)]], [[("Car", 10, 10, 60, 60, 0.9)]])
    assert latency("--model", str(judged.product)) == 0
    table = capsys.readouterr().out
    assert "yolox-nano" in table
    assert "128x128" in table


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--model", "absent.onnx"], "absent.onnx: there is no such file"),
        (["--model", "{network}", "--images", "{empty}"], "holds no JPEG or PNG file"),
        (["--model", "{network}", "--input-size", "64x64"], "--input-size: a model's input is fixed in its ONNX"),
        (["--model", "{broken}"], "no model archive of a detector"),
        (["--model", "{silent}"], "silent.onnx: the network's scores are no finite numbers, of generated.jpg"),
        (["--variant", "yolox-z"], "'yolox-z' is no YOLOX; choose one of yolox-nano"),
    ],
)
def test_bad_input_ends_with_one_clear_line(network, make_network, tmp_path, capsys, words, told):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.tar.gz").write_bytes(b"no archive")
    (tmp_path / "silent.onnx").write_bytes(make_network([[[32, 32, 20, 20, np.nan, 0.9]]], classes=1))
    places = {
        "silent": tmp_path / "silent.onnx",
        "network": network,
        "empty": tmp_path / "empty",
        "broken": tmp_path / "broken.tar.gz",
    }
    assert latency(*(word.format(**places) for word in words)) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--input-size", "416"], "write height x width"),
        (["--input-size", "999968x999968"], "'999968x999968' given; a side has at most 4,096 pixels"),
        (["--image-size", "99999999x99999999"], "'99999999x99999999' given; a side has at most 8,192 pixels"),
        (["--threads", "99999"], "'99999' given; at most 256"),
        (["--seconds", "nan"], "'nan' given; a number of seconds from 0 up"),
        (["--seconds=-1"], "'-1' given; a number of seconds from 0 up"),
        (["--seconds", "x"], "'x' given; a number of seconds from 0 up"),
    ],
)
def test_number_that_makes_no_sense_is_refused_by_the_command_line(capsys, words, told):
    with pytest.raises(SystemExit, match="2"):
        latency("--variant", "yolox-nano", *words)
    assert told in capsys.readouterr().err


def test_bad_picture_is_named_with_its_folder_and_a_folder_is_no_picture(network, tmp_path, capsys):
    (tmp_path / "frames" / "a.jpg").mkdir(parents=True)
    (tmp_path / "frames" / "b.jpg").write_bytes(b"no picture")
    assert latency("--model", str(network), "--images", str(tmp_path / "frames")) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}/frames/b.jpg: no JPEG or PNG image")


def test_percentiles_of_known_times():
    watch = Stopwatch()
    watch.times_ms = {"decode": [1.0, 3.0], "model": [10.0, 20.0]}
    summary = watch.summary()
    assert summary["model"] == {"p50": 15.0, "p95": 19.5, "mean": 15.0}
    assert summary["total"]["mean"] == 17.0
    assert Stopwatch().summary() == {}
