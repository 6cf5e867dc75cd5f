"""The services' command lines, as processes and as containers."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from twin import composition, environment
from twin.images.catalogue import IMAGES, SOURCES_LABEL, USUAL
from twin.layout import PROJECT, Layout


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A script in podman's place; it answers yes to everything."""
    path = tmp_path / "bin" / "podman"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)
    monkeypatch.setenv("TWIN_CONTAINER_ENGINE", str(path))
    return path


def variables(argv: list[str]) -> dict[str, str]:
    return dict(argv[at + 1].split("=", 1) for at, word in enumerate(argv) if word == "-e")


def test_without_containers_services_are_processes_of_this_python(tmp_path):
    layout = Layout.create(tmp_path, {})
    env = environment.for_services(layout, {})
    assert composition.bridge(layout, env).argv[:3] == [sys.executable, "-m", "mcp_bridge"]
    assert composition.airflow(layout, env, ["triggerer"]).argv == [sys.executable, "-m", "airflow", "triggerer"]


def test_with_containers_each_service_is_its_image_and_sees_its_own_folder_only(engine, tmp_path):
    layout = Layout.create(tmp_path / "home", {"CONTAINERS": "1"})
    command = composition.airflow(layout, environment.for_airflow(layout, {}), ["db", "migrate"])
    assert command.argv[0] == str(engine)
    assert command.argv[-3:] == ["123456789012.dkr.ecr.us-east-1.amazonaws.com/mlops-airflow:1", "db", "migrate"]
    mounts = [command.argv[at + 1] for at, word in enumerate(command.argv) if word == "-v"]
    assert mounts == [
        f"{layout.home}/airflow:{layout.home}/airflow:rw", f"{environment.policy_file()}:/app/dags/policy.yaml:ro"
    ]  # fmt: skip


def test_paths_of_this_machine_stay_outside(engine, tmp_path):
    layout = Layout.create(tmp_path / "home", {"CONTAINERS": "1"})
    given = variables(composition.airflow(layout, environment.for_airflow(layout, {}), ["triggerer"]).argv)
    assert not {"PATH", "PYTHONPATH", "AIRFLOW_CONFIG", "AIRFLOW__CORE__DAGS_FOLDER"} & set(given)
    assert given["AIRFLOW_HOME"] == str(layout.home / "airflow")
    assert given["MLOPS_POLICY_FILE"] == "/app/dags/policy.yaml"


def test_twin_is_told_to_run_jobs_in_containers(engine, tmp_path, monkeypatch):
    monkeypatch.setenv("TWIN_STOP_GRACE_S", "2")
    chosen = environment.for_twin(Layout.create(tmp_path / "home", {"CONTAINERS": "1"}))
    assert (chosen["TWIN_JOBS"], chosen["TWIN_CONTAINER_ENGINE"]) == ("container", str(engine))
    assert chosen["TWIN_STOP_GRACE_S"] == "2"


def test_missing_images_are_named_with_what_builds_them(engine):
    engine.write_text("#!/bin/sh\n[ $1 = info ]\n")
    with pytest.raises(composition.engine.EngineMissing, match=r"training, processing, inference, mcp, airflow.*make"):
        composition.require_images()


def test_images_of_other_code_are_named_before_anything_runs_in_them(engine):
    def holds(**digests: str) -> None:
        labels = {name: {"Labels": {SOURCES_LABEL: digests.get(name, IMAGES[name].sources())}} for name in USUAL}
        cases = "".join(f"*mlops-{name}:*) echo '[{json.dumps(told)}]';;\n" for name, told in labels.items())
        engine.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}esac\n')

    holds()
    composition.require_images()
    holds(mcp="0" * 64, airflow="")
    with pytest.raises(composition.engine.EngineMissing, match=r"image of mcp, airflow holds other code.*make images"):
        composition.require_images()


def test_every_file_that_an_image_copies_counts_and_no_other(tmp_path, monkeypatch):
    shutil.copytree(PROJECT / "docker", tmp_path / "docker")
    for name in ("mlops", "mcp_bridge", "dags", "plugins"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy.yaml").touch()
    monkeypatch.setattr("twin.images.catalogue.PROJECT", tmp_path)
    monkeypatch.setattr("twin.images.catalogue.DOCKER", tmp_path / "docker")
    before = {name: IMAGES[name].sources() for name in ("mcp", "airflow")}
    for path, changed in (("plugins/p.py", {"airflow"}), ("mlops/new.py", {"mcp", "airflow"}), ("other", set()),
                          ("mlops/__pycache__/new.pyc", set())):  # fmt: skip
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x")
        after = {name: IMAGES[name].sources() for name in before}
        assert {name for name in before if after[name] != before[name]} == changed, path
        before = after
