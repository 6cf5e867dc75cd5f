"""What every image of docker/ keeps to, as far as its files tell."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from twin.images.catalogue import DOCKER, IMAGES
from twin.layout import PROJECT

FOLDERS = sorted({image.folder for image in IMAGES.values()})


def instructions(folder: str) -> list[str]:
    text = (DOCKER / folder / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_every_folder_is_an_image_of_the_catalogue():
    assert sorted(path.name for path in DOCKER.iterdir() if path.is_dir()) == FOLDERS


def test_the_folders_hold_no_python():
    assert not [*DOCKER.rglob("*.py")]


@pytest.mark.parametrize("folder", FOLDERS)
def test_base_is_an_argument_and_the_build_stays_behind(folder):
    lines = instructions(folder)
    assert lines[0].startswith("ARG BASE_IMAGE=python:3.11")
    stages = [line.removeprefix("FROM ${BASE_IMAGE}") for line in lines if line.startswith("FROM")]
    assert stages == [" AS packages", " AS code", ""]
    final = lines[lines.index("FROM ${BASE_IMAGE}") :]
    assert not [line for line in final if line.startswith("RUN")]


@pytest.mark.parametrize("folder", FOLDERS)
def test_pip_takes_nothing_without_a_hash(folder):
    installs = [line for line in instructions(folder) if "pip install" in line]
    assert len(installs) == 1
    assert "--require-hashes --no-deps" in installs[0]


@pytest.mark.parametrize("folder", FOLDERS)
def test_user_is_root_only_where_sagemaker_mounts_for_root(folder):
    (user,) = [line for line in instructions(folder) if line.startswith("USER")]
    assert user == ("USER 0" if folder in ("training", "processing") else "USER 1000")


@pytest.mark.parametrize("folder", FOLDERS)
def test_health_is_declared(folder):
    (check,) = [line for line in instructions(folder) if line.startswith("HEALTHCHECK")]
    assert (check == "HEALTHCHECK NONE") == (folder in ("training", "processing"))


@pytest.mark.parametrize(
    ("folder", "entries"),
    [
        ("training", ["workloads.__main__", "mlops.spec.algorithms", "mlops.telemetry.tracing"]),
        ("processing", ["workloads.__main__", "mlops.spec.algorithms", "mlops.telemetry.tracing"]),
        ("inference", ["workloads.__main__", "workloads.serving.server", "mlops.telemetry.tracing"]),
        ("mcp", ["mcp_bridge.__main__", "mcp_bridge.server", "mlops.services", "mlops.telemetry.tracing"]),
    ],
)
def test_what_is_copied_is_enough_to_start(folder, entries, tmp_path):
    """No image is needed to see that a module was forgotten."""
    for line in instructions(folder):
        words = line.split()
        if words[0] != "COPY" or not words[-1].startswith("/app") or "--from" in line:
            continue
        for source in words[1:-1]:
            target = tmp_path / words[-1].removeprefix("/")
            if (PROJECT / source).is_dir():
                shutil.copytree(PROJECT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                into = target / Path(source).name if words[-1].endswith("/") else target
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(PROJECT / source, into)
    code = f"import importlib; [importlib.import_module(name) for name in {entries}]"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": "", "PYTHONPATH": str(tmp_path / "app")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1000:]
