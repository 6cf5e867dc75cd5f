"""`package`: everything a detector's endpoint needs, in one archive whose bytes depend on its content alone."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads import archive, packaging
from workloads.contract import Paths, Run, UserError, log, read_json, without_none, write_json
from workloads.detection import openapi
from workloads.detection.lowering import MAX_DROP, Lowered, lower
from workloads.detection.scoring import PACKED_NAME, DetectorFolder
from workloads.detection.truth import ANNOTATIONS
from workloads.detection.truth import read as read_truth
from workloads.detection.validate import SCORE_THRESHOLD, TASK

DROPOUT_NAME = "model_mc.onnx"
SERVED = ("score_threshold", "max_latency_ms", "min_agreement")
"""Fields of `deployment` that the server follows."""


@dataclass(frozen=True)
class Member:
    """An earlier version that answers together with the packaged one."""

    version: str
    network: bytes
    signature: dict[str, Any]


def main() -> int:
    paths = Paths.here()
    inputs = paths.input("run").parent
    validation = paths.input("validation")
    package(
        Run.read(paths.input("run")), model=paths.input("model") / "model.tar.gz", evaluation=paths.input("evaluation"),
        features=paths.input("features"), baseline=paths.input("baseline"), target=paths.output("package"),
        validation=validation if (validation / ANNOTATIONS).exists() else None,
        members=sorted(inputs.glob("member_*/model.tar.gz")),
    )  # fmt: skip
    return 0


def package(run: Run, *, model: Path, evaluation: Path, features: Path, baseline: Path, target: Path,
            validation: Path | None = None, members: Sequence[Path] = ()) -> dict[str, Any]:  # fmt: skip
    """Write `model.tar.gz`, `openapi.json`, `model_metadata.json` and `inference_code/`; returns the metadata.

    Args:
        validation: the validation split of the prepared data; a lower precision is measured on it.
        members: model.tar.gz of each version that `deployment.ensemble` names.

    Raises:
        UserError: the model is not for the recipe of this dataset version, its precision costs too much accuracy, or
            an ensemble member is absent or knows other classes.
        ArchiveError: an archive holds what it must not.
    """
    deployment = without_none(run.spec.get("deployment"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        archive.extract(model, folder)
        trained = DetectorFolder(folder)
        recipe = (folder / "features.json").read_bytes()
        if read_json(features, "features.json") != json.loads(recipe):
            raise UserError("the model was trained with another recipe than this dataset version has; train again")
        results, training = read_json(evaluation, "results.json"), read_json(folder, "training_log.json")
        hyperparameters = read_json(folder, "hyperparameters.json")
        served, dropout = _lowered(trained, deployment, validation), _with_dropout(trained)
        joined = [_member(path, Path(scratch) / f"member{n}", trained.classes) for n, path in enumerate(members)]
    _check_members([str(version) for version in deployment.get("ensemble") or ()], joined)
    precision = str(served.report["served"])
    signature = trained.signature | {
        "model_id": run.model_id, "version": run.version, "precision": precision, "files": {"onnx": PACKED_NAME},
        "ensemble": [member.version for member in joined],
    }  # fmt: skip
    serving = {name: deployment[name] for name in SERVED if name in deployment}
    serving = {"score_threshold": SCORE_THRESHOLD} | serving | {"precision": precision}
    described = openapi.document(
        model=run.model_id, version=run.version, variant=str(signature.get("variant", run.algorithm)),
        classes=trained.classes, input_size=trained.detector.input_size, metrics=results["metrics"],
        precision=precision, score_threshold=float(serving["score_threshold"]), members=signature["ensemble"],
    )  # fmt: skip
    documents = {
        "signature.json": signature, "serving.json": serving, "openapi.json": described,
        "hyperparameters.json": hyperparameters, "baseline.json": read_json(baseline, "baseline.json"),
    }  # fmt: skip
    files = {name: packaging.as_json(document) for name, document in documents.items()}
    files |= {PACKED_NAME: served.network, "features.json": recipe, **dropout}
    for member in joined:
        files[f"members/{member.version}/{PACKED_NAME}"] = member.network
        files[f"members/{member.version}/signature.json"] = packaging.as_json(member.signature)
    return _write(run, files, target, signature, served, results, training, hyperparameters)


def _write(run: Run, files: dict[str, bytes], target: Path, signature: dict[str, Any], served: Lowered,
           results: dict[str, Any], training: dict[str, Any], hyperparameters: dict[str, Any]
           ) -> dict[str, Any]:  # fmt: skip
    code = packaging.inference_code()
    files |= {f"code/{name}": content for name, content in code.items()}
    files["manifest.json"] = packaging.as_json(packaging.manifest(run, signature, files))
    sha256 = archive.write(target / "model.tar.gz", files)
    (target / "openapi.json").write_bytes(files["openapi.json"])
    packaging.write_code(code, target / "inference_code")
    metadata = {
        "model_id": run.model_id, "version": run.version, "run_key": run.run_key, "task": TASK,
        "algorithm": signature["algorithm"], "variant": signature.get("variant"), "classes": signature["classes"],
        "input_size": signature["input_size"], "features": 1, "metrics": results["metrics"],
        "metrics_of": "the fp32 network on the sealed test frames", "precision": served.report,
        "ensemble": signature["ensemble"], "test_rows": results["rows"], "seal_intact": results["seal_intact"],
        "dataset_version": run.dataset_version, "data_as_of": run.data_as_of, "training_seconds": training["seconds"],
        "onnx_parity": training["parity"], "hyperparameters": hyperparameters,
        "sha256": sha256, "bytes": (target / "model.tar.gz").stat().st_size, "files": sorted(files),
        "lineage": {"dataset": run.dataset.get("name"), "dataset_version": run.dataset_version,
                    "training_run": run.run_key, "champion": results.get("champion_version")},
    }  # fmt: skip
    write_json(target / "model_metadata.json", metadata)
    log("Packaged", version=run.version, sha256=sha256, bytes=metadata["bytes"], precision=served.report["served"])
    return metadata


def _lowered(trained: DetectorFolder, deployment: dict[str, Any], validation: Path | None) -> Lowered:
    precision = str(deployment.get("precision", "fp32"))
    frames = None
    if validation is not None and precision != "fp32":
        frames = read_truth(validation, trained.features["classes"])
    limit = float(deployment.get("max_accuracy_drop", MAX_DROP))
    return lower(trained.network.read_bytes(), precision, trained.classes, frames, limit)


def _with_dropout(trained: DetectorFolder) -> dict[str, bytes]:
    """The float32 network once more, for callers that ask for uncertainty by Monte Carlo dropout."""
    from workloads.yolox.mc_dropout import with_dropout

    try:
        return {DROPOUT_NAME: with_dropout(trained.network.read_bytes())}
    except UserError as unfit:
        log(f"Packed without {DROPOUT_NAME}: {unfit}", level="WARNING")
        return {}


def _member(path: Path, folder: Path, classes: Sequence[str]) -> Member:
    """The network of a packaged version. Raises UserError where its answers mean something else."""
    archive.extract(path, folder)
    one = DetectorFolder(folder)
    version = str(one.signature.get("version", path.parent.name))
    if one.classes != tuple(classes):
        raise UserError(
            f"deployment.ensemble: version {version} knows the classes {', '.join(one.classes)}, in this order; this "
            f"model knows {', '.join(classes)}. Leave it out"
        )
    return Member(version, one.network.read_bytes(), one.signature)


def _check_members(asked: Sequence[str], joined: Sequence[Member]) -> None:
    there = [member.version for member in joined]
    if missing := [version for version in asked if version not in there]:
        raise UserError(
            f"deployment.ensemble: version {', '.join(missing)} of this model is not there; name versions that are "
            "registered, or leave it empty"
        )
    if len(set(there)) < len(there):
        raise UserError(f"deployment.ensemble: a version is there twice ({', '.join(there)}); name each once")
