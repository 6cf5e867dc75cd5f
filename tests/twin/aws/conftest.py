"""One twin for the tests of each module."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Tests import this folder's `aws_requests`; a package called `tests` would be somebody else's, from site-packages.
sys.path.insert(0, str(Path(__file__).parent))

from aws_requests import OPTIONS, client

from twin.aws.options import Options
from twin.aws.server import Server, start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start(state_dir=tmp_path_factory.mktemp("twin"), options=Options(**OPTIONS)) as running:
        client(running, "s3").create_bucket(Bucket="bucket")
        yield running


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return client(server, "sagemaker")


@pytest.fixture(scope="module")
def runtime(server: Server) -> Any:
    return client(server, "sagemaker-runtime")


@pytest.fixture(scope="module")
def s3(server: Server) -> Any:
    return client(server, "s3")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A resource name of the test's own."""
    tail = hashlib.sha256(request.node.name.encode()).hexdigest()[:6]
    return f"{re.sub('[^a-z0-9]+', '-', request.node.name)[:40].strip('-')}-{tail}"
