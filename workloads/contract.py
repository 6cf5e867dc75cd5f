"""The SageMaker container contract: where a job finds its inputs, leaves its product and says why it failed."""

from __future__ import annotations

import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from mlops.telemetry.lines import line
from workloads import following

FAILURE_LENGTH = 1024
"""SageMaker keeps that many characters of a failure message."""


class UserError(Exception):
    """The requester's mistake (data or settings). The message holds the number, the limit and the remedy."""


class Kind(StrEnum):
    """The two shapes of a job; they differ in where inputs lie and where failures are told."""

    TRAINING = "training"
    PROCESSING = "processing"


@dataclass(frozen=True)
class Paths:
    """The folders of a container below its base, `/opt/ml` on SageMaker."""

    base: Path

    @classmethod
    def here(cls) -> Paths:
        return cls(Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")))

    def channel(self, name: str) -> Path:
        """Input of a training job."""
        return self.base / "input" / "data" / name

    def input(self, name: str) -> Path:
        """Input of a processing job."""
        return self.base / "processing" / "input" / name

    def output(self, name: str) -> Path:
        """Output of a processing job; made when asked for."""
        folder = self.base / "processing" / "output" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def model(self) -> Path:
        """What a training job makes, or an endpoint serves."""
        return self.base / "model"

    def failure(self, kind: Kind) -> Path:
        """The file whose text becomes FailureReason (training) or ExitMessage (processing)."""
        return self.base / "output" / ("failure" if kind is Kind.TRAINING else "message")


@dataclass(frozen=True)
class Run:
    """`run.json`: what the control plane tells a job. `spec` is the canonical run specification."""

    run_key: str = "local"
    phase: str = ""
    model_id: str = "model"
    version: str = "0.0.0"
    dataset_version: str = ""
    data_as_of: str | None = None
    task: str | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)
    everything: Mapping[str, Any] = field(default_factory=dict)
    """The whole document, for fields that one job alone needs."""

    @classmethod
    def read(cls, folder: Path) -> Run:
        document = read_json(folder, "run.json")
        names = ("run_key", "phase", "model_id", "version", "dataset_version", "data_as_of", "task", "spec")
        given = {name: document[name] for name in names if document.get(name) is not None}
        return cls(**given, everything=document)

    @property
    def algorithm(self) -> str:
        return str(self.spec.get("algorithm", ""))

    @cached_property
    def dataset(self) -> dict[str, Any]:
        return without_none(self.spec.get("dataset"))

    @cached_property
    def preprocessing(self) -> dict[str, Any]:
        return without_none(self.spec.get("preprocessing"))

    @cached_property
    def hyperparameters(self) -> dict[str, Any]:
        return without_none(self.spec.get("hyperparameters"))


def without_none(section: Mapping[str, Any] | None) -> dict[str, Any]:
    """A section of the spec without its open fields: a job fills those in itself."""
    return {name: value for name, value in (section or {}).items() if value is not None}


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """The JSON object in `folder/name`; a missing file names the input that was not mounted."""
    path = folder / name
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise FileNotFoundError(f"input {folder.name!r} holds no {name}") from missing
    if not isinstance(document, dict):
        raise ValueError(f"{name} of input {folder.name!r} is no JSON object")
    return document


def write_json(path: Path, document: Any) -> Path:
    """Sorted, indented, and without NaN: a metric that is no number must never look like one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def log(message: str, **fields: Any) -> None:
    """One JSON line on stderr, with run key, phase and trace; CloudWatch keeps it. `level` is `info` where left out."""
    known = {"level": "info", **facts(), **fields}
    print(line(known.pop("level"), "workloads", message, **known), file=sys.stderr, flush=True)


def facts() -> dict[str, str]:
    """What each log line of this job says of its work."""
    return {**_context, **following.facts()}


def print_metrics(epoch: int, **splits: Mapping[str, float]) -> None:
    """One line SageMaker's metric definitions read: `epoch=3 train:loss=0.12 validation:accuracy=0.93`."""
    words = [f"{s}:{name}={value:.6g}" for s, values in splits.items() for name, value in values.items() if
             math.isfinite(value)]  # fmt: skip
    print(f"epoch={epoch}", *words, flush=True)


_context = {"run_key": "local", "phase": ""}


def run_job(command: Callable[[], int | None], *, phase: str, kind: Kind) -> int:
    """Run `command`; a failure is written where SageMaker looks for it. 0, or 2 (requester) or 1 (defect)."""
    paths = Paths.here()
    _context.update(phase=phase, run_key=_run_key(paths, kind))
    with following.job(f"{phase} job", phase=phase, job_kind=kind.value) as note:
        code = _run(command, paths.failure(kind))
        note(code)
    return code


def _run(command: Callable[[], int | None], failure: Path) -> int:
    started = time.monotonic()
    log("Started")
    try:
        code = command() or 0
    except UserError as mistake:
        return _fail(failure, f"UserError: {mistake}", 2)
    except Exception as defect:
        traceback.print_exc()
        return _fail(failure, f"InternalError: {type(defect).__name__}: {defect}", 1)
    log("Finished", seconds=round(time.monotonic() - started, 3))
    return code


def _run_key(paths: Paths, kind: Kind) -> str:
    folder = paths.channel("run") if kind is Kind.TRAINING else paths.input("run")
    try:
        return Run.read(folder).run_key
    except (OSError, ValueError, TypeError):
        return "unknown"  # the command itself will say what is wrong with run.json


def _fail(path: Path, message: str, code: int) -> int:
    log(message, level="error")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(message[:FAILURE_LENGTH], encoding="utf-8")
    return code
