"""Every benchmark runs and has one shape; its figures are read by people, not by tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import interleaved, registry
from benchmarks.__main__ import main
from benchmarks.outcome import Outcome, Ratio, Row

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", registry.BENCHMARKS)
def test_benchmark_tells_machine_versions_rows_and_ratios(name):
    outcome = json.loads(json.dumps(registry.find(name)(True).as_dict()))
    assert list(outcome) == ["benchmark", "machine", "versions", "rows", "ratios", "notes"]
    assert outcome["benchmark"] == name
    assert {"processor", "cores", "load", "python"} <= set(outcome["machine"])
    assert outcome["versions"]
    assert all(row["value"] > 0 and row["unit"] and row["what"] for row in outcome["rows"])
    assert outcome["ratios"]
    assert all(0 < one["low"] <= one["median"] <= one["high"] for one in outcome["ratios"])


def test_command_prints_one_json_document():
    command = [sys.executable, "-m", "benchmarks", "spec", "--json", "--tiny"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["benchmark"] == "spec"


def test_without_a_name_they_are_listed(capsys):
    assert main([]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(registry.BENCHMARKS)
    assert main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == registry.BENCHMARKS


def test_every_file_with_a_measure_is_listed():
    files = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "def measure(" in path.read_text()}
    assert files == set(registry.BENCHMARKS)


def test_contenders_take_turns():
    """One warming call and one counted call a turn."""
    calls = []
    seconds = interleaved.rounds({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2, 0.0)
    assert calls == list("aabbaabb")
    assert {name: len(times) for name, times in seconds.items()} == {"a": 2, "b": 2}


def test_ratio_is_the_median_of_pairs():
    """4/2, 9/1 and 3/1: a slow moment of the machine hits one pair, not the result."""
    assert interleaved.ratio("x", [4, 9, 3], [2, 1, 1], ">= 3") == Ratio("x", 3, 2, 9, 3, ">= 3")


@pytest.mark.parametrize(
    ("aim", "met"), [(">= 1.3", True), (">= 2.1", False), ("<= 2", True), ("<= 1.9", False), ("", None)]
)
def test_aim_says_whether_it_was_met(aim, met):
    assert Ratio("x", 2.0, 1.0, 3.0, 7, aim).met is met


def test_missed_aim_stands_out_in_the_text():
    outcome = Outcome("x", [Row("ours", 2.0, "ms")], [Ratio("ours against theirs", 1.1, 1.0, 1.2, 7, ">= 1.3")])
    assert "1.1 x (1 to 1.2 in 7 rounds)  aim >= 1.3: MISSED" in outcome.text()
