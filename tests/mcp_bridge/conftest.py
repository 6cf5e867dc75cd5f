"""The bridge over a moto server: in memory for most tests, over HTTP where the wire matters."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from mcp_bridge.bridge import Bridge
from mcp_bridge.server import build
from mlops.aws import Cloud
from mlops.record import RunRecord, Trigger
from mlops.services import Services
from mlops.settings import Settings

SIGNING_KEY = "a key of at least thirty-two bytes, for tests"
RUN_KEY = "gh-4242-7-0123456789ab"


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def services(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Default settings, an empty ledger, one bucket and the signing key."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "twin")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "twin")
    urllib.request.urlopen(urllib.request.Request(f"{moto_url}/moto-api/reset", method="POST"), timeout=10).close()
    services = Services(Settings())
    services.cloud = Cloud(endpoint_url=moto_url, region="us-east-1")
    services.ledger.create_table()
    services.cloud.s3.create_bucket(Bucket=services.settings.bucket)
    secret = json.dumps({"mcp_signing_key": SIGNING_KEY})
    services.cloud.secrets.create_secret(Name=services.settings.api_keys_secret, SecretString=secret)
    return services


@pytest.fixture
def bare() -> Services:
    """Services that reach nothing: for what must be decided before anything is reached."""
    services = Services(Settings())
    services.cloud = Cloud(endpoint_url="http://127.0.0.1:9", region="us-east-1")
    return services


@pytest.fixture
def bridge(bare: Services) -> Bridge:
    return build(bare, agent="operator")


@pytest.fixture
def record() -> RunRecord:
    return RunRecord(run_key=RUN_KEY, trigger=Trigger.UI, spec={"name": "wine"}, created_at="2026-11-23T10:00:00Z")


@pytest.fixture
def http_bridge(services: Services) -> Iterator[str]:
    """The address of a bridge that listens on a port of its own."""
    from mcp_bridge import web

    with serving(lambda: web.application(build(services), services)) as url:
        yield f"{url}/mcp"


class serving:
    """Serve an ASGI application from a thread; gives its address."""

    def __init__(self, make: Callable[[], object], port: int = 0):
        self._make, self._port = make, port

    def __enter__(self) -> str:
        import uvicorn

        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self._port))
        config = uvicorn.Config(self._make(), log_config=None, access_log=False, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()
