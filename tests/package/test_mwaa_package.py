"""What MWAA gets: complete, light, the same bytes each time, and importable with nothing of ours beside it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from mlops.mwaa import CONSTRAINTS, main, package

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["hooks", "mlops", "operators", "sensors", "triggers"]
HEAVY = {
    "torch", "sagemaker", "pandas", "evidently", "mlflow", "xgboost", "sklearn", "moto", "workloads", "twin",
    "mcp_bridge", "mcp",
}  # fmt: skip
"""mcp is there on MWAA, but no file needs it before it runs."""

READ_ALL = """
import importlib, json, runpy, sys
from pathlib import Path

packages, plugins, dags, *modules = sys.argv[1:]
sys.path.append(plugins)
for module in modules:
    importlib.import_module(module)
from airflow.sdk import DAG

values = [value for file in Path(dags).glob("*.py") for value in runpy.run_path(str(file)).values()]
tops = {name: name.partition(".")[0] for name in sys.modules}
print(json.dumps({
    "dags": sorted(value.dag_id for value in values if isinstance(value, DAG)),
    "files": [sys.modules[name].__file__ for name, top in tops.items() if top in packages.split()],
    "tops": sorted(set(tops.values())),
}))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("build") / "mwaa"
    package(folder)
    return folder


@pytest.fixture(scope="module")
def names(built):
    return zipfile.ZipFile(built / "plugins.zip").namelist()


def pins(file: Path) -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in file.read_text().splitlines()]
    wanted = [Requirement(line) for line in lines if line and not line.startswith("--")]
    return {one.name: str(one.specifier) for one in wanted}


def test_root_of_the_plugins_holds_what_airflow_looks_for(names):
    expected = {".airflowignore", "telemetry_plugin.py", *PACKAGES}
    assert {name.partition("/")[0] for name in names} == expected


def test_every_plugin_travels(names):
    files = {path.relative_to(ROOT / "plugins").as_posix() for path in (ROOT / "plugins").glob("*/*.py")}
    assert files <= set(names)


def test_no_folder_is_run_as_plugins(built):
    ignored = zipfile.ZipFile(built / "plugins.zip").read(".airflowignore").decode().splitlines()
    assert "*/" in ignored


def test_only_sources_travel(names):
    assert {Path(name).suffix for name in names} == {".py", ""}
    assert not [name for name in names if "__pycache__" in name or name.startswith("/") or ".." in name]


def test_half_that_talks_to_aws_and_packs_is_left_behind(names):
    for module in ("aws", "services", "ledger", "jobs", "mwaa", "lambdas/package"):
        assert f"mlops/{module}.py" not in names
    assert {"mlops/settings.py", "mlops/judge.py", "mlops/policy.py", "mlops/phases/graph.py"} <= set(names)


def test_same_sources_give_the_same_bytes(built, tmp_path):
    package(tmp_path / "again")
    for first in built.rglob("*"):
        again = tmp_path / "again" / first.relative_to(built)
        assert first.is_dir() or first.read_bytes() == again.read_bytes()


def test_what_was_built_before_does_not_stay(tmp_path):
    stale = tmp_path / "mwaa" / "dags" / "gone.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    package(tmp_path / "mwaa")
    assert not stale.exists()


def test_dag_folder_holds_dags_policy_and_constraints_and_no_more(built):
    dags = {path.name for path in (ROOT / "dags").glob("*.py")}
    assert {path.name for path in (built / "dags").iterdir()} == dags | {"policy.yaml", CONSTRAINTS}


def test_first_line_of_the_requirements_names_the_constraints_in_the_dag_folder(built):
    first = (built / "requirements.txt").read_text().splitlines()[0]
    assert first == '--constraint "/usr/local/airflow/dags/constraints-3.3.1.txt"'


def test_requirements_are_what_the_image_lacks(built):
    assert sorted(pins(built / "requirements.txt")) == [
        "apache-airflow-providers-common-messaging",
        "apache-airflow-providers-github",
        "apache-airflow-providers-slack",
        "mcp",
    ]


def test_constraints_allow_each_requirement_and_what_we_say_of_the_image(built):
    allowed, all_of_ours = pins(built / "dags" / CONSTRAINTS), pins(ROOT / "requirements.txt")
    for name, version in pins(built / "requirements.txt").items():
        assert allowed[name] == version
    for name in ("apache-airflow", "apache-airflow-task-sdk", "apache-airflow-providers-amazon"):
        assert allowed[name] == all_of_ours[name]


def test_constraints_hold_pins_only(built):
    """pip refuses extras in constraints, and an address would be one of somebody's machine."""
    for line in (built / "dags" / CONSTRAINTS).read_text().splitlines():
        if not line.startswith("#"):
            one = Requirement(line)
            assert (one.extras, one.url, one.marker, str(one.specifier)[:2]) == (set(), None, None, "==")


@pytest.fixture(scope="module")
def unpacked(built, names):
    """What a fresh interpreter sees that has the unpacked zip, installed packages, and nothing else of ours."""
    plugins = built.parent / "plugins"
    zipfile.ZipFile(built / "plugins.zip").extractall(plugins)
    modules = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names if ".py" in name]
    done = subprocess.run(
        [sys.executable, "-I", "-c", READ_ALL, " ".join(PACKAGES), str(plugins), str(built / "dags"), *modules],
        capture_output=True, text=True, timeout=120, check=False, cwd=built,
        env={"PATH": "", "AIRFLOW_HOME": str(built.parent / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return plugins, json.loads(done.stdout.splitlines()[-1])


def test_every_dag_is_read_from_the_package_alone(unpacked):
    _, seen = unpacked
    assert seen["dags"] == [
        "data_arrival", "issue_intake", "lifecycle", "monitoring", "scheduled_retrain", "workflow_failure"
    ]  # fmt: skip


def test_nothing_is_imported_from_beside_the_package(unpacked):
    plugins, seen = unpacked
    assert len(seen["files"]) >= 40
    assert [file for file in seen["files"] if not file.startswith(f"{plugins}/")] == []


def test_reading_all_loads_nothing_heavy(unpacked):
    _, seen = unpacked
    assert sorted(HEAVY & set(seen["tops"])) == []


def test_command_says_what_it_wrote(tmp_path, capsys):
    assert main([str(tmp_path / "mwaa")]) == 0
    said = capsys.readouterr().out
    assert "plugins.zip" in said
    assert "dags/lifecycle.py" in said
