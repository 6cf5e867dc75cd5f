"""Handlers as zips: the modules they import of ours, and nothing else. The same sources give the same bytes."""

from __future__ import annotations

import ast
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "build" / "lambda"
_PACKAGE = "mlops"
_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The oldest that a zip can hold."""


def handlers() -> list[str]:
    """Names of the modules beside this one that have a `handler`."""
    found = []
    for path in sorted(Path(__file__).parent.glob("*.py")):
        names = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        if "handler" in names:
            found.append(path.stem)
    return found


def sources(handler: str) -> list[Path]:
    """The files that `mlops.lambdas.<handler>` needs, by its imports and theirs."""
    return reached([f"{_PACKAGE}.lambdas.{handler}"])


def reached(modules: Iterable[str]) -> list[Path]:
    """The files of ours behind `modules` and behind all that they import, sorted; what is not ours is passed over."""
    wanted, found = list(modules), set[Path]()
    while wanted:
        path = _file_of(wanted.pop())
        if path is None or path in found:
            continue
        found.add(path)
        wanted += imported(path)
    packages = {parent / "__init__.py" for path in found for parent in path.parents if parent.is_relative_to(PROJECT)}
    return sorted(found | {path for path in packages if path.exists()})


def imported(path: Path) -> Iterator[str]:
    """Modules of `mlops` that a file names in an import, at its top or in a function; some are names in a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith(f"{_PACKAGE}."))
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == _PACKAGE:
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _file_of(module: str) -> Path | None:
    path = PROJECT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


def package(handler: str, folder: Path = FOLDER) -> Path:
    """Write `<folder>/<handler>.zip`; its handler is called `mlops.lambdas.<handler>.handler`."""
    return write_zip(folder / f"{handler}.zip", by_name(sources(handler)))


def by_name(paths: Iterable[Path]) -> dict[str, Path]:
    """Files under the names that they are imported by."""
    return {path.relative_to(PROJECT).as_posix(): path for path in paths}


def write_zip(target: Path, files: Mapping[str, Path]) -> Path:
    """Entries in the order of their names, all of the same moment and mode."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return target
