"""The services' command lines, as processes and as containers."""

from __future__ import annotations

import sys

import pytest

from twin import composition, environment
from twin.layout import Layout


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
    composition.require_images()
    engine.write_text("#!/bin/sh\n[ $1 = info ]\n")
    with pytest.raises(composition.engine.EngineMissing, match=r"training, processing, inference, mcp, airflow.*make"):
        composition.require_images()
