"""`package`: everything an endpoint needs, in one archive whose bytes depend on its content alone."""

from __future__ import annotations

import ast
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import workloads
from workloads import archive
from workloads.contract import Paths, Run, UserError, log, read_json, write_json
from workloads.tabular import openapi
from workloads.tabular.features import FeaturePlan

ENTRY = "workloads.serving.server"
"""The module an endpoint starts; it and what it imports of ours travel with the model."""
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
        files |= {"signature.json": _json(signature), "openapi.json": _json(described)}
        files["baseline.json"] = _json(read_json(baseline, "baseline.json"))
        training = read_json(folder, "training_log.json")
    code = inference_code()
    files |= {f"code/{name}": content for name, content in code.items()}
    files["manifest.json"] = _json(_manifest(run, signature, files))
    sha256 = archive.write(target / "model.tar.gz", files)
    write_json(target / "openapi.json", described)
    for name, content in code.items():
        path = target / "inference_code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
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


def inference_code() -> dict[str, bytes]:
    """Our modules that the server imports, whatever the way, as {path: source}; third-party ones are the image's."""
    root = Path(workloads.__file__).parent.parent
    found: dict[str, bytes] = {}
    waiting = [ENTRY, "workloads.__main__"]
    while waiting:
        module = waiting.pop()
        path = _source(root, module)
        if path is None or str(path.relative_to(root)) in found:
            continue
        content = path.read_bytes()
        found[str(path.relative_to(root))] = content
        waiting += [*_imports(content, module, path), module.rpartition(".")[0]]
    return found


def _source(root: Path, module: str) -> Path | None:
    """The file of one of our modules, None for a name that is no module (a class, or a foreign package)."""
    if module.partition(".")[0] != "workloads":
        return None
    path = root.joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.exists()), None)


def _imports(source: bytes, module: str, path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package_name = module if path.name == "__init__.py" else module.rpartition(".")[0]
            base = package_name.rsplit(".", node.level - 1)[0] if node.level else ""
            stem = ".".join(part for part in (base, node.module) if part)
            names += [stem, *(f"{stem}.{alias.name}" for alias in node.names)]
    return names


def _openapi(run: Run, plan: FeaturePlan, signature: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    width = signature["outputs"][0]["shape"][-1] if plan.task == "dimensionality_reduction" else 0
    return openapi.document(plan, model=run.model_id, version=run.version, algorithm=signature["algorithm"],
                            metrics=results["metrics"], width=width)  # fmt: skip


def _manifest(run: Run, signature: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
    entries = {n: {"sha256": hashlib.sha256(c).hexdigest(), "bytes": len(c)} for n, c in files.items()}
    return {"files": entries, "model_id": run.model_id, "version": run.version, "run_key": run.run_key,
            "task": signature["task"], "algorithm": signature["algorithm"]}  # fmt: skip


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
