"""The four jobs as SageMaker starts them: processes over the `/opt/ml` layout, one after the other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from mlops.handles import Evaluation
from workloads import datasets

SPEC = {"algorithm": "xgboost", "dataset": {"name": "breast_cancer"}, "preprocessing": {"outliers": "none"},
        "hyperparameters": {"n_estimators": 40}, "evaluation": {"thresholds": {"f1": 0.93}}}  # fmt: skip


class Container:
    """One job's `/opt/ml`."""

    def __init__(self, base: Path, phase: str, spec: dict = SPEC):
        self.base, self.phase = base / phase, phase
        self.inputs = self.base / ("input/data" if phase == "train" else "processing/input")
        document = {"run_key": "gh-1-2-abc", "model_id": "cancer", "version": "1.0.0", "spec": spec}
        self.give("run", {"run.json": json.dumps(document)})

    def give(self, name: str, files: dict[str, str | Path]) -> None:
        folder = self.inputs / name
        folder.mkdir(parents=True)
        for file, content in files.items():
            shutil.copy(content, folder / file) if isinstance(content, Path) else (folder / file).write_text(content)

    def output(self, name: str) -> Path:
        return self.base / "processing" / "output" / name

    def start(self) -> subprocess.CompletedProcess:
        environment = os.environ | {"SAGEMAKER_BASE_DIR": str(self.base)}
        command = [sys.executable, "-m", "workloads", self.phase]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)


def files_of(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir() if path.is_file()}


def test_four_processes_lead_from_raw_data_to_a_package(tmp_path):
    datasets.write("breast_cancer", tmp_path)
    prepare = Container(tmp_path, "prepare")
    prepare.give("raw", files_of(tmp_path / "breast_cancer"))
    assert prepare.start().returncode == 0

    dataset = prepare.output("dataset")
    train = Container(tmp_path, "train")
    for split in ("train", "validation"):
        train.give(split, files_of(dataset / split))
    train.give("features", {"features.json": dataset / "features.json"})
    trained = train.start()
    assert trained.returncode == 0, trained.stderr
    assert "validation:f1=" in trained.stdout.splitlines()[-1]
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(train.base / "model", arcname=".")  # as SageMaker does

    validate = Container(tmp_path, "validate")
    validate.give("model", {"model.tar.gz": tmp_path / "model.tar.gz"})
    validate.give("test", files_of(dataset / "test"))
    validate.give("features", {"features.json": dataset / "features.json"})
    validate.give("manifest", files_of(prepare.output("report")))
    validated = validate.start()
    assert validated.returncode == 0, validated.stderr
    results = json.loads((validate.output("evaluation") / "results.json").read_text())
    evaluation = Evaluation(prefix="s3://b/e/", **results)
    assert evaluation.seal_intact
    assert evaluation.metrics["f1"] > 0.93

    package = Container(tmp_path, "package")
    package.give("model", {"model.tar.gz": tmp_path / "model.tar.gz"})
    package.give("evaluation", files_of(validate.output("evaluation")))
    for name in ("features", "baseline"):
        package.give(name, {f"{name}.json": dataset / f"{name}.json"})
    packaged = package.start()
    assert packaged.returncode == 0, packaged.stderr
    assert set(files_of(package.output("package"))) == {"model.tar.gz", "openapi.json", "model_metadata.json"}


def test_requesters_mistake_exits_2_with_a_message_for_the_issue(tmp_path):
    prepare = Container(tmp_path, "prepare", SPEC | {"dataset": {"name": "sample", "target": "price"}})
    prepare.give("raw", {"data.csv": "size,cost\n1,2\n"})
    assert prepare.start().returncode == 2
    message = (prepare.base / "output" / "message").read_text()
    assert message == "UserError: dataset.target: no column 'price'; the columns are size, cost"


def test_training_failure_is_written_where_training_jobs_put_it(tmp_path):
    assert Container(tmp_path, "train").start().returncode == 1
    assert (tmp_path / "train" / "output" / "failure").read_text().startswith("InternalError: FileNotFoundError: input")


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("workloads.tabular.prepare", "pandas sklearn torch xgboost matplotlib onnxruntime pyarrow"),
        ("workloads.tabular.train", "pandas sklearn torch xgboost matplotlib onnxruntime pyarrow"),
        ("workloads.tabular.validate", "pandas sklearn torch xgboost matplotlib onnxruntime pyarrow"),
        ("workloads.tabular.package", "pandas sklearn torch xgboost matplotlib onnxruntime pyarrow numpy.testing"),
    ],
)
def test_importing_a_job_loads_no_heavy_library(module, heavy):
    code = f"import sys, {module}; print([m for m in {heavy.split()!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
