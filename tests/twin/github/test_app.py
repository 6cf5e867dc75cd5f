"""The emulator as a process: restart, kill, strangers at the door."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from twin.github.app import create
from twin.listen import Listening

PROJECT = Path(__file__).resolve().parents[3]
OCTOCAT = {"Authorization": "token twin-octocat-token"}


def start(state: Path, port: int = 0) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "twin.github", "--port", str(port), "--state", str(state)]
    child = subprocess.Popen(
        command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert child.stdout
    found = re.search(r"http://\S+", child.stdout.readline())
    assert found
    return child, found[0]


def test_state_survives_kill_9(tmp_path):
    child, url = start(tmp_path)
    api = f"{url}/api/v3/repos/acme/perception"
    issue = httpx.post(f"{api}/issues", json={"title": "kept", "labels": ["mlops"]}, headers=OCTOCAT).json()
    httpx.post(f"{api}/issues/{issue['number']}/comments", json={"body": "kept too"}, headers=OCTOCAT)
    put = httpx.put(f"{api}/contents/a.txt", json={"message": "m", "content": "eA=="}, headers=OCTOCAT).json()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child, url = start(tmp_path)
    api = f"{url}/api/v3/repos/acme/perception"
    try:
        again = httpx.get(f"{api}/issues/1", headers=OCTOCAT).json()
        assert (again["title"], again["comments"], again["id"]) == ("kept", 1, issue["id"])
        assert httpx.get(f"{api}/commits", headers=OCTOCAT).json()[0]["sha"] == put["commit"]["sha"]
        assert len(httpx.get(f"{url}/twin/effects").json()) >= 4
    finally:
        child.terminate()
        assert child.wait(10) in (0, -signal.SIGTERM)


def test_taken_port_is_told_in_words(tmp_path):
    with Listening(create(tmp_path / "a")) as first:
        port = first.url.rpartition(":")[2]
        command = [sys.executable, "-m", "twin.github", "--port", port, "--state", str(tmp_path / "b")]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == f"Port {port} on 127.0.0.1 is in use by another program; choose another with --port."


def test_creating_twice_changes_nothing(tmp_path):
    with Listening(create(tmp_path)) as first:
        before = httpx.get(f"{first.url}/api/v3/repos/acme/perception/commits").json()
    with Listening(create(tmp_path)) as second:
        after = httpx.get(f"{second.url}/api/v3/repos/acme/perception/commits").json()
    assert [each["sha"] for each in after] == [each["sha"] for each in before]


@pytest.mark.parametrize("path", ["/api/v3/user", "/", "/twin/effects"])
def test_foreign_host_name_is_turned_away(server, path):
    """DNS rebinding: a page of evil.example whose name points to 127.0.0.1."""
    reply = httpx.get(server.url + path, headers={"Host": "evil.example:80", **OCTOCAT})
    assert reply.status_code == 421


def test_foreign_origin_changes_nothing(server):
    reply = httpx.post(f"{server.url}/twin/faults", json={"fault": "reset"}, headers={"Origin": "https://evil.example"})
    assert reply.status_code == 403
    assert httpx.get(f"{server.url}/twin/faults").json()["rules"] == []


def test_links_lead_back_to_where_the_client_came_from(server):
    url = server.url.replace("127.0.0.1", "localhost")
    shown = httpx.get(f"{url}/api/v3/repos/acme/perception").json()
    assert shown["url"].startswith(url)
