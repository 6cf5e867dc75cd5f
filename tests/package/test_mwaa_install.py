"""The package in a clean Python 3.12 with what MWAA's image holds: installed as MWAA does it, then read by Airflow.

Needs Python 3.12 (named in MWAA_PYTHON, on the path, or among those of pyenv or uv) and a package index.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops.mwaa import CONSTRAINTS, package
from tests.package.test_mwaa_package import ROOT, pins

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]

READ = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow import plugins_manager
from airflow.serialization.serialized_objects import DagSerialization

bag = DagBag(sys.argv[1])
broken = {str(file): str(error) for file, error in plugins_manager.get_import_errors().items()}
sizes = {dag_id: len(DagSerialization.to_dict(dag)["dag"]["tasks"]) for dag_id, dag in bag.dags.items()}
print(json.dumps({"python": sys.version_info[:2], "tasks": sizes, "errors": bag.import_errors, "plugins": broken}))
"""


def python_of_mwaa() -> str | None:
    """An interpreter that says that it is 3.12; a shim that leads nowhere is none."""
    ask = "import sys; print(sys.version_info[:2])"
    for named in (os.environ.get("MWAA_PYTHON"), shutil.which("python3.12"), *_of_version_managers()):
        if named:
            said = subprocess.run([named, "-c", ask], capture_output=True, text=True, check=False)
            if said.stdout.strip() == "(3, 12)":
                return named
    return None


def _of_version_managers() -> Iterator[str]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(pyenv.glob("versions/3.12*/bin/python3.12")))
    uv = [sys.executable, "-m", "uv", "python", "find", "--managed-python", "3.12"]
    yield subprocess.run(uv, capture_output=True, text=True, check=False).stdout.strip()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """(folder of the package, interpreter): the image's packages first, then requirements.txt, both constrained."""
    chosen = python_of_mwaa()
    if chosen is None:
        pytest.skip("no Python 3.12: put python3.12 on the path, or name it in MWAA_PYTHON")
    folder = tmp_path_factory.mktemp("mwaa")
    package(folder / "built")
    dags, wanted = folder / "built" / "dags", folder / "built" / "requirements.txt"
    image = pins(dags / CONSTRAINTS)
    base = [f"{name}{pin}" for name, pin in image.items() if name.startswith("apache-airflow")]
    base = [line for line in base if line.partition("==")[0] not in pins(wanted)] + ["aiobotocore"]
    # The same file, under the address that it has here.
    here = folder / "requirements.txt"
    here.write_text(wanted.read_text().replace("/usr/local/airflow/dags", str(dags)))
    python = folder / "venv" / "bin" / "python"
    subprocess.run([chosen, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    uv = [sys.executable, "-m", "uv", "pip"]
    constrained = ["--constraint", str(dags / CONSTRAINTS)]
    for arguments in (["install", *constrained, *base], ["install", *constrained, "-r", str(here)], ["check"]):
        done = subprocess.run(
            [*uv, arguments[0], "--quiet", "--python", str(python), *arguments[1:]], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
    zipfile.ZipFile(folder / "built" / "plugins.zip").extractall(folder / "plugins")
    return folder, python


@pytest.fixture(scope="module")
def read(installed):
    folder, python = installed
    done = subprocess.run(
        [python, "-I", "-c", READ, folder / "built" / "dags"], capture_output=True, text=True, timeout=300, cwd=folder,
        env={
            "PATH": "", "AIRFLOW_HOME": str(folder / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder / "plugins"), "MLOPS_DATA_QUEUE_URL": "http://127.0.0.1:9/1/q",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_python_is_that_of_mwaa(read):
    assert read["python"] == [3, 12]


def test_airflow_reads_every_dag_and_serializes_it(read):
    assert read["errors"] == {}
    assert sorted(read["tasks"]) == [
        "data_arrival", "issue_intake", "lifecycle", "monitoring", "scheduled_retrain", "workflow_failure"
    ]  # fmt: skip
    assert read["tasks"]["lifecycle"] >= 10


def test_no_plugin_is_broken(read):
    assert read["plugins"] == {}


def test_dags_pass_their_own_tests_there(installed):
    """tests/dags beside the package, as if it were the project; pytest lies in a folder of its own.

    Only what asks the bridge is left out: it does not run in that process, nor lies in the package.
    """
    folder, python = installed
    project, pytest_alone = folder / "project", folder / "pytest"
    shutil.copytree(folder / "built" / "dags", project / "dags")
    shutil.copytree(folder / "plugins", project / "plugins")
    shutil.copytree(ROOT / "tests" / "dags", project / "tests" / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python), "--no-deps"]
    wanted = [f"{name}{pins(ROOT / 'requirements-lock.txt')[name]}" for name in ("pytest", "iniconfig", "pluggy")]
    subprocess.run([*uv, "--target", str(pytest_alone), *wanted], check=True)
    done = subprocess.run(
        [
            python, "-m", "pytest", "--import-mode=importlib", "-q", "-p", "no:cacheprovider", "tests/dags",
            "--deselect", "tests/dags/test_all_dags.py::test_every_agent_that_a_task_names_is_granted_its_tools",
        ],
        capture_output=True, text=True, timeout=300, cwd=project,
        env={"PATH": "", "HOME": str(folder), "PYTHONPATH": f"{project / 'plugins'}:{pytest_alone}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert int(done.stdout.split(" passed")[0].split()[-1]) >= 20, done.stdout
