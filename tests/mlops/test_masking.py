"""What was read as a secret is in no line that is written afterwards."""

from __future__ import annotations

import json
import logging

import pytest

from mlops import masking
from mlops.telemetry.lines import JsonLines


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(masking, "_known", {})


@pytest.mark.parametrize(
    ("secret", "said", "heard"),
    [
        pytest.param("ghp_0123456789", "token ghp_0123456789!", "token ***!", id="a text"),
        pytest.param("ghp_0123456789\n", "token ghp_0123456789!", "token ***!", id="with the end of a line"),
        pytest.param('{"password": "01234567", "host": "a.b.c.d.e"}', "01234567 a.b.c.d.e", "*** a.b.c.d.e", id="JSON"),
        pytest.param('{"extra": {"tokens": {"a": "0123456789"}}}', "0123456789", "***", id="deep in JSON"),
        pytest.param('{"mcp_signing_key": "0123456789abcdef"', "0123456789abcdef", "***", id="JSON that was cut"),
        pytest.param('{"password": "short"}', "a short word", "a short word", id="too short to be one"),
    ],
)  # fmt: skip
def test_secret_is_taken_out(secret, said, heard):
    masking.remember(secret)
    assert masking.masked(said) == heard


def test_longer_secret_is_taken_out_whole():
    masking.remember("0123456789")
    masking.remember("0123456789-and-more")
    assert masking.masked("0123456789-and-more") == "***"


def test_only_the_latest_are_remembered():
    for number in range(300):
        masking.remember(f"secret-{number:05}")
    assert masking.masked("secret-00000 secret-00299") == "secret-00000 ***"


def test_secret_that_was_fetched_is_in_no_log_line(services):
    services.cloud.secrets.create_secret(Name="mlops/x", SecretString="hooks.example/T0/B0/0123")
    services.cloud.secret("mlops/x")
    record = logging.LogRecord(
        "slack", logging.ERROR, "x.py", 1, "Invalid URL: %s", ("hooks.example/T0/B0/0123",), None
    )
    record.fields = {"address": "hooks.example/T0/B0/0123"}
    line = JsonLines().format(record)
    assert "T0/B0" not in line
    assert json.loads(line)["message"] == "Invalid URL: ***"
