"""What every package holds, whatever the model: our code that serves it, and a manifest that proves each file."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import workloads
from workloads.contract import Run

ENTRIES = ("workloads.serving.server", "workloads.__main__")
"""The modules an endpoint starts; they and what they import of ours travel with the model."""


OURS = ("workloads", "mlops")
"""Packages that no image holds by itself."""


def inference_code() -> dict[str, bytes]:
    """Our modules that the server imports, whatever the way, as {path: source}; third-party ones are the image's."""
    root = Path(workloads.__file__).parent.parent
    found: dict[str, bytes] = {}
    waiting = list(ENTRIES)
    while waiting:
        module = waiting.pop()
        path = _source(root, module)
        if path is None or str(path.relative_to(root)) in found:
            continue
        content = path.read_bytes()
        found[str(path.relative_to(root))] = content
        waiting += [*_imports(content, module, path), module.rpartition(".")[0]]
    return found


def write_code(code: Mapping[str, bytes], folder: Path) -> None:
    """The same files to look at, beside the archive."""
    for name, content in code.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def manifest(run: Run, signature: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """`manifest.json`: the size and hash of every other file of the archive, and whose model it is."""
    entries = {n: {"sha256": hashlib.sha256(c).hexdigest(), "bytes": len(c)} for n, c in files.items()}
    return {"files": entries, "model_id": run.model_id, "version": run.version, "run_key": run.run_key,
            "task": signature["task"], "algorithm": signature["algorithm"]}  # fmt: skip


def as_json(document: Mapping[str, Any]) -> bytes:
    """As `contract.write_json` writes it: sorted, and without NaN."""
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _source(root: Path, module: str) -> Path | None:
    """The file of one of our modules, None for a name that is no module (a class, or a foreign package)."""
    if module.partition(".")[0] not in OURS:
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
