"""Each image does in a container what its callers ask of it: `make images` builds them, this only tries them."""

from __future__ import annotations

import pytest

from twin import engine
from twin.images import build, contracts
from twin.images.catalogue import USUAL

pytestmark = [pytest.mark.whole, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def runner():
    try:
        return engine.find()
    except engine.EngineMissing as missing:
        pytest.skip(f"images are not tried: {missing}")


@pytest.fixture
def needs(runner):
    """Skips where an image is not built, or of other code."""

    def look(*names: str) -> engine.Engine:
        try:
            build.require(runner, names)
        except engine.EngineMissing as unfit:
            pytest.skip(str(unfit))
        return runner

    return look


@pytest.mark.parametrize("name", USUAL)
def test_image_is_confined_and_its_packages_agree(needs, name):
    assert "writes to /tmp only" in contracts.confined(needs(name), name)


def test_train_process_and_serve(needs):
    said = contracts.on_a_twin(needs("training", "processing", "inference"), contracts.run_of_jobs)
    assert [step.split()[0] for step in said.split(", ")] == [
        "prepare", "train", "refuse", "stop", "validate", "package", "serve", "invoke"
    ]  # fmt: skip


def test_mcp_server_is_open_to_those_with_a_token_only(needs):
    run_by = needs("mcp")
    assert "401 without a token" in contracts.on_a_twin(run_by, lambda url: contracts.bridge(run_by, url))


def test_airflow_reads_every_dag(needs):
    assert contracts.orchestration(needs("airflow")) == "6 DAGs read without error"
