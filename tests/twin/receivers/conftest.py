"""Receivers over real HTTP and SMTP, one set per test module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from twin.listen import Listening
from twin.receivers import app, mail


@dataclass
class Running:
    url: str
    smtp_port: int

    def messages(self, **narrow) -> list[dict]:
        return httpx.get(f"{self.url}/messages.json", params=narrow).json()

    def fault(self, **rule) -> None:
        httpx.post(f"{self.url}/messages/faults", json=rule).raise_for_status()


@pytest.fixture(scope="module")
def receivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    application = app.create(tmp_path_factory.mktemp("messages"))
    post = mail.start("127.0.0.1", 0, application.store)
    with Listening(application) as listening:
        yield Running(listening.url, post.port)
    post.stop()


@pytest.fixture(autouse=True)
def empty(receivers: Running) -> None:
    httpx.delete(f"{receivers.url}/messages.json")
    httpx.delete(f"{receivers.url}/messages/faults")
