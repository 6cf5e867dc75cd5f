"""The inbox as pages and JSON, and what outlives a restart."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx

from twin.receivers.app import create

PROJECT = Path(__file__).resolve().parents[3]


def test_page_shows_every_kind_and_runs_nothing(receivers):
    httpx.post(f"{receivers.url}/slack/hook/x", json={"text": "<script>alert(1)</script> hi"})
    page = httpx.get(f"{receivers.url}/messages")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; hi" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Nothing has arrived yet" in httpx.get(f"{receivers.url}/messages?kind=mail").text


def test_json_is_narrowed(receivers):
    for text in ("one", "two"):
        httpx.post(f"{receivers.url}/slack/hook/general", json={"text": text})
    first, second = receivers.messages()
    assert receivers.messages(q="TWO") == receivers.messages(after=first["id"]) == [second]
    assert receivers.messages(kind="page") == receivers.messages(channel="mlops") == []


def test_browser_of_another_page_is_turned_away(receivers):
    url = f"{receivers.url}/slack/hook/x"
    assert httpx.post(url, json={"text": "x"}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert httpx.post(url, json={"text": "x"}, headers={"Host": "evil.example"}).status_code == 403


def test_messages_outlive_a_restart(tmp_path):
    first = create(tmp_path)
    first.store.add("slack", "mlops", "me", "", "kept", {})
    first.store.close()
    assert [message.text for message in create(tmp_path).store.find()] == ["kept"]


def test_command_serves_both_and_tells_a_taken_port(tmp_path):
    command = [sys.executable, "-m", "twin.receivers", "--port", "0", "--state", str(tmp_path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    child = subprocess.Popen(
        [*command, "--smtp-port", "0"], cwd=PROJECT, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert child.stdout
    line = child.stdout.readline()
    url, smtp = re.search(r"(http://\S+)/messages", line), re.search(r"mail to 127.0.0.1:(\d+)", line)
    assert url
    assert smtp
    try:
        assert httpx.get(f"{url[1]}/messages.json").json() == []
        second = subprocess.run(
            [*command, "--smtp-port", smtp[1]], cwd=PROJECT, capture_output=True, text=True, check=False
        )
        assert (second.returncode, "in use by another program" in second.stderr) == (1, True)
    finally:
        child.terminate()
        child.wait(10)
