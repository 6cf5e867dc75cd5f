"""A prepared data set small enough to learn in seconds: bright rectangles on noise."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workloads.contract import Run, write_json
from workloads.detection.train import train
from workloads.images.codec import encode_png

CLASSES = ["Car", "Sign"]
COLOURS = [(40, 40, 230), (230, 200, 40)]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small networks on a shared machine: a second thread waits more than it works."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass
class Job:
    """The folders of one training job."""

    base: Path
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> Path:
        return self.base / "model"

    @property
    def checkpoints(self) -> Path:
        return self.base / "checkpoints"

    def folder(self, channel: str) -> Path:
        return self.base / "input" / "data" / channel

    def document(self) -> dict[str, Any]:
        spec = {"algorithm": "yolox", "variant": "yolox-nano", "dataset": {"name": "rectangles"},
                "hyperparameters": self.hyperparameters} | self.spec  # fmt: skip
        return {"run_key": "r1", "model_id": "m", "dataset_version": "v1", "spec": spec}

    def write_run(self) -> None:
        write_json(self.folder("run") / "run.json", self.document())

    def train(self) -> dict[str, Any]:
        self.write_run()
        weights = self.folder("weights")
        return train(
            Run.read(self.folder("run")), self.folder("train"), self.folder("validation"), self.folder("features"),
            self.model, checkpoints_folder=self.checkpoints, weights_folder=weights if weights.is_dir() else None,
        )  # fmt: skip


def write_split(folder: Path, frames: int, seed: int, size: tuple[int, int] = (48, 64), boxes: int = 2) -> None:
    """`frames` pictures of (height, width) with rectangles, one of them unlabelled now and then (iscrowd)."""
    rng = np.random.default_rng(seed)
    images, rows = [], []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number in range(frames):
        image = rng.integers(90, 130, (*size, 3), dtype=np.uint8)
        for _ in range(boxes):
            width, height = rng.integers(12, 24, 2)
            left, top = int(rng.integers(0, size[1] - width)), int(rng.integers(0, size[0] - height))
            kind = int(rng.integers(0, 2))
            image[top : top + height, left : left + width] = COLOURS[kind]
            rows.append({"id": len(rows) + 1, "image_id": number, "category_id": kind + 1, "iscrowd": 0,
                         "bbox": [left, top, int(width), int(height)], "area": int(width * height)})  # fmt: skip
        name = f"{number:06d}.png"
        (folder / "images" / name).write_bytes(encode_png(image))
        images.append({"id": number, "file_name": name, "height": size[0], "width": size[1]})
    categories = [{"id": place + 1, "name": name} for place, name in enumerate(CLASSES)]
    document = {"images": images, "annotations": rows, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(document))


def make(base: Path, frames: int = 4, size: tuple[int, int] = (64, 64), **hyperparameters: Any) -> Job:
    settings = {"epochs": 2, "batch_size": 2, "evaluate_every": 1, "warmup_epochs": 1, "no_aug_epochs": 1}
    job = Job(base, settings | hyperparameters)
    write_split(job.folder("train"), frames, seed=1)
    write_split(job.folder("validation"), 2, seed=2)
    features = {"task": "object_detection", "target": None, "classes": CLASSES, "input_size": list(size),
                "columns": [{"name": "image", "kind": "image"}], "source": "coco"}  # fmt: skip
    write_json(job.folder("features") / "features.json", features)
    return job


@pytest.fixture(scope="session")
def make_lasting_job(tmp_path_factory):
    """make_lasting_job(**hyperparameters) -> Job, for several tests to look at."""
    return lambda **hyperparameters: make(tmp_path_factory.mktemp("lasting") / "job", **hyperparameters)


@pytest.fixture(scope="module")
def trained(make_lasting_job):
    """(job, training log) of a whole training with the settings of `make`, once for a file of tests."""
    job = make_lasting_job()
    return job, job.train()


@pytest.fixture
def make_job(tmp_path):
    """make_job(name, frames=…, size=…, **hyperparameters) -> Job"""

    def make_named(name: str = "job", frames: int = 4, size: tuple[int, int] = (64, 64), **hyperparameters: Any) -> Job:
        return make(tmp_path / name, frames, size, **hyperparameters)

    return make_named
