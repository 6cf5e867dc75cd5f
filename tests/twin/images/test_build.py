"""The engine's command line, and what it learns of this machine's pip."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin.engine import Engine
from twin.images.build import BuildFailed, PipSettings, command
from twin.images.catalogue import IMAGES

PLAIN = PipSettings({})


def line(engine: str, name: str = "training", settings: PipSettings = PLAIN, base: str | None = None) -> str:
    return " ".join(command(Engine(engine), IMAGES[name], ["a:1", "b:1"], settings, Path("/s/pip.conf"), base))


@pytest.mark.parametrize("engine", ["podman", "docker", "buildah"])
def test_image_says_which_code_it_holds(engine):
    assert f"--label mlops.sources={IMAGES['mcp'].sources()}" in line(engine, "mcp")


def test_environment_wins_over_files_as_in_pip():
    read = PipSettings.read("global.index-url='https://file'\n:env:.index-url='https://environment'\n")
    assert read.options == {"index-url": "https://environment"}


def test_only_what_a_build_needs_travels():
    read = PipSettings.read("global.constraint='/etc/c.txt'\nglobal.user='true'\nglobal.proxy='http://p:1'\n")
    assert read.text() == "[global]\nproxy = http://p:1\n"


def test_certificates_are_found_where_the_build_gets_them(tmp_path):
    read = PipSettings.read(f"global.cert='{tmp_path}/ca.pem'\n")
    assert "cert = /etc/ssl/certs/ca-certificates.crt" in read.text()
    assert f"--secret id=certificates,src={tmp_path}/ca.pem" in line("podman", settings=read)


def test_settings_are_a_secret_and_never_an_argument():
    read = PipSettings({"index-url": "https://me:password@index.example/simple"})
    for engine in ("podman", "docker", "buildah"):
        argv = line(engine, settings=read)
        assert "--secret id=pip,src=/s/pip.conf" in argv
        assert "password" not in argv


def test_folders_of_wheels_and_indexes_are_shown_to_the_build(tmp_path):
    for folder in ("wheels", "index/simple"):
        (tmp_path / folder).mkdir(parents=True)
    read = PipSettings({"find-links": f"{tmp_path}/wheels", "extra-index-url": f"file://{tmp_path}/index/simple"})
    argv = line("podman", settings=read)
    assert f"-v {tmp_path}/wheels:{tmp_path}/wheels:ro" in argv
    assert f"-v {tmp_path}/index:{tmp_path}/index:ro" in argv
    with pytest.raises(BuildFailed, match="use podman or buildah"):
        line("docker", settings=read)


@pytest.mark.parametrize(("name", "flavour"), [("processing", "cpu"), ("processing-gpu", "cuda")])
def test_flavour_is_a_build_argument(name, flavour):
    assert f"--build-arg ACCELERATOR={flavour}" in line("docker", name)


def test_cuda_asks_no_index_of_cpu_builds():
    assert "--build-arg PIP_EXTRA_INDEX_URL= " in line("podman", "processing-gpu")
    assert "PIP_EXTRA_INDEX_URL" not in line("podman", "processing")


def test_base_and_names_are_as_asked():
    argv = line("docker", base="cuda:12")
    assert "--build-arg BASE_IMAGE=cuda:12" in argv
    assert "--tag a:1 --tag b:1" in argv


def test_health_checks_survive_podman_and_buildah():
    """The OCI format has none."""
    assert "--format docker" in line("podman")
    assert "--format docker" in line("buildah")
    assert "--format" not in line("docker")
