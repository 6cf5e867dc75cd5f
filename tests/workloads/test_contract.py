"""The container contract: exit codes, failure files and lines that SageMaker reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from workloads import contract
from workloads.contract import Kind, Paths, Run, UserError


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    return tmp_path


def test_base_is_opt_ml_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("SAGEMAKER_BASE_DIR", raising=False)
    assert str(Paths.here().channel("train")) == "/opt/ml/input/data/train"
    assert str(Paths.here().input("raw")) == "/opt/ml/processing/input/raw"


@pytest.mark.parametrize(("kind", "name"), [(Kind.TRAINING, "failure"), (Kind.PROCESSING, "message")])
def test_requesters_mistake_is_told_where_sagemaker_looks_and_exits_2(base, kind, name):
    def command():
        raise UserError("epochs: 0 given; choose 1 to 300")

    assert contract.run_job(command, phase="train", kind=kind) == 2
    assert (base / "output" / name).read_text() == "UserError: epochs: 0 given; choose 1 to 300"


def test_our_defect_names_its_type_and_exits_1(base):
    assert contract.run_job(lambda: 1 // 0, phase="prepare", kind=Kind.PROCESSING) == 1
    assert (base / "output" / "message").read_text().startswith("InternalError: ZeroDivisionError: ")


def test_failure_message_is_cut_to_what_sagemaker_keeps(base):
    def command():
        raise UserError("x" * 5000)

    contract.run_job(command, phase="train", kind=Kind.TRAINING)
    assert len((base / "output" / "failure").read_text()) == contract.FAILURE_LENGTH


def test_log_lines_are_json_with_run_key_and_phase(base, capsys):
    folder = Paths.here().input("run")
    contract.write_json(folder / "run.json", {"run_key": "gh-1-2-abc", "spec": {}})
    assert contract.run_job(lambda: None, phase="prepare", kind=Kind.PROCESSING) == 0
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {(line["run_key"], line["phase"]) for line in lines} == {("gh-1-2-abc", "prepare")}


def test_metric_line_is_what_metric_definitions_match(capsys):
    contract.print_metrics(3, train={"loss": 0.12}, validation={"accuracy": 0.93, "f1": float("nan")})
    assert capsys.readouterr().out == "epoch=3 train:loss=0.12 validation:accuracy=0.93\n"


def test_run_reads_its_spec_and_drops_open_fields(tmp_path):
    spec = {"algorithm": "xgboost", "preprocessing": {"missing": "mean", "outlier_limit": None}, "dataset": None}
    contract.write_json(tmp_path / "run.json", {"run_key": "k", "spec": spec, "endpoint": "e", "task": None})
    run = Run.read(tmp_path)
    assert (run.run_key, run.algorithm, run.task) == ("k", "xgboost", None)
    assert (run.preprocessing, run.dataset) == ({"missing": "mean"}, {})
    assert run.everything["endpoint"] == "e"


def test_nan_is_never_written_as_json(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        contract.write_json(tmp_path / "x.json", {"metric": float("nan")})


@pytest.mark.parametrize("words", [[], ["tune"], ["train", "now"]])
def test_wrong_command_line_says_what_there_is(words):
    done = subprocess.run([sys.executable, "-m", "workloads", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "prepare|train|validate|package|drift|points|serve" in done.stderr


def test_process_without_inputs_fails_with_a_message_and_no_success(tmp_path):
    done = subprocess.run([sys.executable, "-m", "workloads", "prepare"], capture_output=True, text=True, check=False,
                          env=os.environ | {"SAGEMAKER_BASE_DIR": str(tmp_path)})  # fmt: skip
    assert done.returncode == 1
    message = (tmp_path / "output" / "message").read_text()
    assert message == "InternalError: FileNotFoundError: input 'run' holds no run.json"
