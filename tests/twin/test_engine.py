"""Containers are started confined; engines are found or named as missing."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from twin import engine
from twin.engine import Engine, EngineMissing, Mount


def test_container_can_do_no_more_than_it_needs():
    argv = Engine("podman").run("i:1", ["train"], name="n")
    for flag in ("--read-only", "--cap-drop=all", "no-new-privileges", "--pull=never"):
        assert flag in argv
    assert argv[-2:] == ["i:1", "train"]
    assert "--user" not in argv


@pytest.mark.parametrize(("command", "user"), [("podman", "0"), ("docker", f"{os.getuid()}:{os.getgid()}")])
def test_owner_of_the_files_is_root_to_a_rootless_podman_and_a_number_to_docker(command, user):
    argv = Engine(f"/usr/bin/{command}").run("i:1", name="n", as_owner=True)
    assert argv[argv.index("--user") + 1] == user


def test_mounts_are_read_only_unless_said():
    argv = Engine("docker").run(
        "i:1", name="n", mounts=[Mount(Path("/a"), "/b"), Mount(Path("/c"), "/d", writable=True)]
    )
    assert [argv[at + 1] for at, word in enumerate(argv) if word == "-v"] == ["/a:/b:ro", "/c:/d:rw"]


def test_entrypoint_and_variables_stand_before_the_image():
    argv = Engine("docker").run("i:1", ["-c", "x"], name="n", variables={"A": "b c"}, entrypoint="python")
    assert argv[-5:] == ["--entrypoint", "python", "i:1", "-c", "x"]
    assert argv[argv.index("-e") + 1] == "A=b c"


def script(folder: Path, name: str, status: int) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {status}\n")
    path.chmod(0o755)


def test_docker_without_its_daemon_is_no_engine(tmp_path, monkeypatch):
    script(tmp_path, "docker", 1)
    script(tmp_path, "buildah", 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TWIN_CONTAINER_ENGINE", raising=False)
    assert engine.find(to="build").name == "buildah"
    with pytest.raises(EngineMissing, match="install podman or docker"):
        engine.find()


def test_named_engine_is_taken_or_missed(tmp_path, monkeypatch):
    script(tmp_path, "podman", 0)
    script(tmp_path, "other", 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TWIN_CONTAINER_ENGINE", "other")
    assert engine.find().command == "other"
    monkeypatch.setenv("TWIN_CONTAINER_ENGINE", "absent")
    with pytest.raises(EngineMissing):
        engine.find()


def test_buildah_builds_and_runs_nothing(tmp_path, monkeypatch):
    script(tmp_path, "buildah", 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TWIN_CONTAINER_ENGINE", "buildah")
    assert engine.find(to="build").name == "buildah"
    with pytest.raises(EngineMissing):
        engine.find()


def test_settings_of_the_engine_pass_and_nothing_else(monkeypatch):
    monkeypatch.setenv("CONTAINERS_CONF", "/x/containers.conf")
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    found = engine.settings()
    assert found["CONTAINERS_CONF"] == "/x/containers.conf"
    assert "GITHUB_TOKEN" not in found


def test_no_limit_is_asked_above_what_this_process_may_set():
    """An engine without CAP_SYS_RESOURCE cannot give its own defaults; so each that it would set is named."""
    argv = Engine("podman").run("i:1", name="n")
    asked = dict(argv[at + 1].split("=") for at, word in enumerate(argv) if word == "--ulimit")
    assert set(asked) == {"nofile", "nproc"}
    for name, kind in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        soft, hard = (int(value) for value in asked[name].split(":"))
        ours = resource.getrlimit(kind)[1]
        assert 0 < soft == hard <= (16_384 if ours == resource.RLIM_INFINITY else ours)
