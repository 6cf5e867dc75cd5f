"""`package`: everything an endpoint needs, in one archive whose bytes depend on its content alone."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from workloads import archive, packaging
from workloads.contract import Paths, Run, UserError, log, read_json, write_json
from workloads.tabular import openapi
from workloads.tabular.features import FeaturePlan

MODEL_FILES = ("model.onnx", "features.json", "hyperparameters.json")


def main() -> int:
    paths = Paths.here()
    package(
        Run.read(paths.input("run")), model=paths.input("model") / "model.tar.gz", evaluation=paths.input("evaluation"),
        features=paths.input("features"), baseline=paths.input("baseline"), target=paths.output("package"),
    )  # fmt: skip
    return 0


def package(run: Run, *, model: Path, evaluation: Path, features: Path, baseline: Path, target: Path
            ) -> dict[str, Any]:  # fmt: skip
    """Write `model.tar.gz`, `openapi.json`, `model_metadata.json` and `inference_code/`; returns the metadata.

    Raises:
        UserError: the model is not for the recipe of this dataset version.
        ArchiveError: the training product holds what it must not.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        archive.extract(model, folder)
        recipe = (folder / "features.json").read_bytes()
        if read_json(features, "features.json") != json.loads(recipe):
            raise UserError("the model was trained with another recipe than this dataset version has; train again")
        results = read_json(evaluation, "results.json")
        signature = read_json(folder, "signature.json") | {"model_id": run.model_id, "version": run.version}
        described = _openapi(run, FeaturePlan.loads(recipe), signature, results)
        files = {name: (folder / name).read_bytes() for name in MODEL_FILES if (folder / name).exists()}
        files |= {"signature.json": packaging.as_json(signature), "openapi.json": packaging.as_json(described)}
        files["baseline.json"] = packaging.as_json(read_json(baseline, "baseline.json"))
        training = read_json(folder, "training_log.json")
    code = packaging.inference_code()
    files |= {f"code/{name}": content for name, content in code.items()}
    files["manifest.json"] = packaging.as_json(packaging.manifest(run, signature, files))
    sha256 = archive.write(target / "model.tar.gz", files)
    write_json(target / "openapi.json", described)
    packaging.write_code(code, target / "inference_code")
    metadata = {
        "model_id": run.model_id, "version": run.version, "run_key": run.run_key, "task": signature["task"],
        "algorithm": signature["algorithm"], "classes": signature["classes"], "features": len(signature["features"]),
        "metrics": results["metrics"], "test_rows": results["rows"], "seal_intact": results["seal_intact"],
        "dataset_version": run.dataset_version, "data_as_of": run.data_as_of, "training_seconds": training["seconds"],
        "onnx_parity": training["parity"], "hyperparameters": json.loads(files.get("hyperparameters.json", b"{}")),
        "sha256": sha256, "bytes": (target / "model.tar.gz").stat().st_size, "files": sorted(files),
        "lineage": {"dataset": run.dataset.get("name"), "dataset_version": run.dataset_version,
                    "training_run": run.run_key, "champion": results.get("champion_version")},
    }  # fmt: skip
    write_json(target / "model_metadata.json", metadata)
    log("Packaged", version=run.version, sha256=sha256, bytes=metadata["bytes"])
    return metadata


def _openapi(run: Run, plan: FeaturePlan, signature: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    width = signature["outputs"][0]["shape"][-1] if plan.task == "dimensionality_reduction" else 0
    return openapi.document(plan, model=run.model_id, version=run.version, algorithm=signature["algorithm"],
                            metrics=results["metrics"], width=width)  # fmt: skip
