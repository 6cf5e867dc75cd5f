"""A run on a folder: the four jobs one after the other, as functions, on small tables or bundled data."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from workloads import archive, datasets
from workloads.contract import Run, read_json


class Job:
    """One run below `base`. `spec` is changed by tests before they call the jobs."""

    def __init__(self, base: Path, algorithm: str = "xgboost"):
        self.base, self.raw = base, base / "raw"
        self.spec = {"algorithm": algorithm, "dataset": {"name": "sample"}, "preprocessing": {}, "hyperparameters": {}}
        self.version = "1.0.0"
        self.dataset, self.model, self.evaluation, self.packed = (
            base / name for name in ("dataset", "model", "evaluation", "package")
        )

    @property
    def run(self) -> Run:
        return Run(run_key="gh-1-2-abc", model_id="sample", version=self.version, dataset_version="v1", spec=self.spec)

    def bundled(self, name: str, **changes) -> Job:
        datasets.write(name, self.base / "bundled", **changes)
        (self.base / "bundled" / name).rename(self.raw)
        return self

    def csv(self, columns: dict[str, list], name: str = "data.csv", **metadata) -> Job:
        """Raw data from columns; None is an empty cell."""
        self.raw.mkdir(parents=True, exist_ok=True)
        with (self.raw / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        if metadata:
            (self.raw / "metadata.json").write_text(json.dumps(metadata))
        return self

    def prepare(self) -> dict:
        from workloads.tabular.prepare import prepare

        self.dataset.mkdir(parents=True, exist_ok=True)
        self.manifest = prepare(self.run, self.raw, self.dataset, self.base / "report")
        return self.manifest

    def train(self) -> dict:
        from workloads.tabular.train import train

        return train(self.run, self.dataset / "train", self.dataset / "validation", self.dataset, self.model)

    def pack_model(self, folder: Path | None = None) -> Path:
        """As SageMaker packs the training product."""
        folder = folder or self.model
        path = self.base / f"{folder.name}.tar.gz"
        archive.write(path, {str(f.relative_to(folder)): f for f in folder.rglob("*") if f.is_file()})
        return path

    def validate(self, champion: Path | None = None) -> dict:
        from workloads.tabular.validate import validate

        self.evaluation.mkdir(exist_ok=True)
        return validate(self.run, model=self.pack_model(), test=self.dataset / "test", features=self.dataset,
                        manifest=self.manifest, champion=champion, evaluation=self.evaluation)  # fmt: skip

    def package(self) -> dict:
        from workloads.tabular.package import package

        self.packed.mkdir(exist_ok=True)
        return package(self.run, model=self.pack_model(), evaluation=self.evaluation, features=self.dataset,
                       baseline=self.dataset, target=self.packed)  # fmt: skip

    def features(self) -> dict:
        return read_json(self.dataset, "features.json")

    def quality(self) -> dict:
        return read_json(self.dataset, "quality_report.json")


@pytest.fixture
def job(tmp_path) -> Job:
    return Job(tmp_path / "job")


@pytest.fixture
def make_job(tmp_path):
    """Several runs in one test."""
    made = []

    def make(algorithm: str = "xgboost") -> Job:
        made.append(Job(tmp_path / f"job{len(made)}", algorithm))
        return made[-1]

    return make


@pytest.fixture(scope="session")
def make_lasting_job(tmp_path_factory):
    """Runs that several tests look at."""
    return lambda algorithm="xgboost": Job(tmp_path_factory.mktemp("lasting"), algorithm)


@pytest.fixture(scope="session")
def trained_cancer(make_lasting_job) -> Job:
    """Breast cancer through prepare and train, once; tests must not write into it."""
    job = make_lasting_job().bundled("breast_cancer")
    job.spec["hyperparameters"] = {"n_estimators": 60, "max_depth": 4}
    job.prepare()
    job.train()
    return job
