"""One emulator per test module, over real HTTP, and the clients that talk to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from github import Auth, Github
from github.Repository import Repository

from twin.github.app import create
from twin.github.limits import Limits
from twin.listen import Listening

GENEROUS = Limits(core_per_hour=100_000, points_per_minute=100_000, content_per_minute=10_000, content_per_hour=10_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with Listening(
        create(tmp_path_factory.mktemp("github"), limits=GENEROUS, webhook_pauses_s=(0.02, 0.02))
    ) as listening:
        yield listening


@pytest.fixture(scope="module")
def as_user(server: Listening) -> Callable[[str], Github]:
    """PyGithub under the token of a login."""

    def connect(login: str) -> Github:
        token = "twin-bot-token" if login == "mlops-bot" else f"twin-{login}-token"
        return Github(
            base_url=f"{server.url}/api/v3", auth=Auth.Token(token), retry=None,
            seconds_between_requests=None, seconds_between_writes=None,
        )  # fmt: skip

    return connect


@pytest.fixture(scope="module")
def repo_as(as_user: Callable[[str], Github]) -> Callable[[str], Repository]:
    return lambda login: as_user(login).get_repo("acme/perception")


@pytest.fixture(scope="module")
def repo(repo_as: Callable[[str], Repository]) -> Repository:
    return repo_as("octocat")


@pytest.fixture(scope="module")
def http(server: Listening) -> Iterator[httpx.Client]:
    """Plain HTTP as octocat; paths are relative to the repository's API."""
    headers = {"Authorization": "token twin-octocat-token"}
    with httpx.Client(base_url=f"{server.url}/api/v3/repos/acme/perception", headers=headers) as client:
        yield client


@pytest.fixture
def knobs(server: Listening) -> Iterator[httpx.Client]:
    """`/twin/...`; faults and limits are put back afterwards."""
    with httpx.Client(base_url=f"{server.url}/twin") as client:
        limits = client.get("/limits").json()
        yield client
        client.delete("/faults")
        client.post("/limits", json=limits)
