"""Serving an application on a local port."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from twin.listen import Listening, PortTaken, bind


async def hello(_):
    return PlainTextResponse("hello")


def test_application_answers_until_it_is_stopped():
    with Listening(Starlette(routes=[Route("/", hello)])) as listening:
        assert httpx.get(listening.url).text == "hello"
    with pytest.raises(httpx.ConnectError):
        httpx.get(listening.url)


def test_taken_port_names_the_port():
    with bind("127.0.0.1", 0) as first, pytest.raises(PortTaken, match=str(first.getsockname()[1])):
        bind("127.0.0.1", first.getsockname()[1])
