"""`python -m mlops.mwaa`: what an MWAA environment reads, below build/mwaa: plugins.zip, requirements.txt, dags/.

The root of plugins.zip is on sys.path there, in every process, so the modules of `mlops` that DAGs and plugins import
travel in it. What trains and serves does not; neither does `mcp_bridge`, which Airflow reaches over the wire.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from packaging.requirements import Requirement

from mlops.lambdas.package import PROJECT, by_name, imported, reached, write_zip

FOLDER = PROJECT / "build" / "mwaa"
CONSTRAINTS = "constraints-3.3.1.txt"
PYTHON = "3.12"

_IN_THE_IMAGE = {
    "apache-airflow", "apache-airflow-task-sdk", "apache-airflow-providers-amazon", "apache-airflow-providers-standard",
}  # fmt: skip
_NOT_FOR_AIRFLOW = {"orjson"}
"""Imported by model servers and the local twin."""
_NOT_FOR_MWAA = {"airflow_local_settings.py"}
"""It mends SQLite; MWAA has PostgreSQL, and may bring a module of that name itself."""


def package(folder: Path = FOLDER) -> list[Path]:
    """Write everything anew; the same sources give the same bytes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    plugins = write_zip(folder / "plugins.zip", plugin_files())
    requirements_file = folder / "requirements.txt"
    requirements_file.write_text("\n".join(requirements()) + "\n")
    return [plugins, requirements_file, *_copy_dags(folder / "dags")]


def plugin_files() -> dict[str, Path]:
    """Name in plugins.zip -> file. `.airflowignore` keeps Airflow from running each of them as a plugin."""
    root = PROJECT / "plugins"
    ours = [path for path in root.rglob("*.py") if path.name not in _NOT_FOR_MWAA]
    light_half = reached(module for path in [*ours, *_dags()] for module in imported(path))
    named = {path.relative_to(root).as_posix(): path for path in [*ours, root / ".airflowignore"]}
    return {**named, **by_name(light_half)}


def requirements() -> list[str]:
    """Lines of the project's requirements.txt that MWAA's image lacks, below the one that names the constraints.

    Without a constraint of our own MWAA would force Airflow's, under which mcp 2 has no version.
    """
    return [f'--constraint "/usr/local/airflow/dags/{CONSTRAINTS}"', *(str(wanted) for wanted in _wanted())]


def _wanted() -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in (PROJECT / "requirements.txt").read_text().splitlines())
    named = [Requirement(line) for line in lines if line]
    return [
        one
        for one in named
        if one.name not in _IN_THE_IMAGE | _NOT_FOR_AIRFLOW
        and (one.marker is None or one.marker.evaluate({"python_version": PYTHON}))
    ]


def _dags() -> list[Path]:
    return sorted((PROJECT / "dags").glob("*.py"))


def _copy_dags(folder: Path) -> list[Path]:
    folder.mkdir()
    beside = [PROJECT / "dags" / "policy.yaml", PROJECT / CONSTRAINTS]
    return [Path(shutil.copyfile(path, folder / path.name)) for path in [*_dags(), *beside]]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m mlops.mwaa", description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    for path in package(parser.parse_args(arguments).folder):
        print(f"{path} {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
