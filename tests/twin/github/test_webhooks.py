"""Webhook deliveries against a real receiver."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

SECRET = "hush"


class Receiver(ThreadingHTTPServer):
    """Keeps what arrives; answers with the statuses in `answers`, then 204."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.arrived: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}/hook"

    def wait(self, event: str, count: int = 1) -> list[tuple[dict[str, str], dict]]:
        """The deliveries of an event, once there are `count`."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            found = [
                (headers, json.loads(body))
                for headers, body in list(self.arrived)
                if headers["X-GitHub-Event"] == event
            ]
            if len(found) >= count:
                return found
            time.sleep(0.01)
        raise AssertionError(f"{event} did not arrive {count} times: {[h['X-GitHub-Event'] for h, _ in self.arrived]}")


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.arrived.append((dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def hook(receiver, repo):
    config = {"url": receiver.url, "content_type": "json", "secret": SECRET}
    made = repo.create_hook("web", config, ["issues", "issue_comment", "push", "repository_dispatch"])
    receiver.wait("ping")
    yield made
    made.delete()


def test_delivery_is_signed_over_its_exact_bytes(receiver, hook, repo):
    issue = repo.create_issue("signed", body="ümläut")
    receiver.wait("issues")
    headers, body = next((h, b) for h, b in receiver.arrived if h["X-GitHub-Event"] == "issues")
    assert headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    payload = json.loads(body)
    assert (payload["action"], payload["issue"]["number"], payload["sender"]["login"]) == (
        "opened",
        issue.number,
        "octocat",
    )
    assert payload["repository"]["id"] == 4242


def test_each_change_of_an_issue_is_told(receiver, hook, repo):
    issue = repo.create_issue("told")
    issue.add_to_labels("mlops:train")
    issue.edit(body="new")
    issue.remove_from_labels("mlops:train")
    issue.edit(state="closed")
    issue.edit(state="open")
    told = receiver.wait("issues", 6)
    assert {payload["action"] for _, payload in told} == {
        "opened",
        "labeled",
        "edited",
        "unlabeled",
        "closed",
        "reopened",
    }
    labeled = next(payload for _, payload in told if payload["action"] == "labeled")
    assert labeled["label"]["name"] == "mlops:train"
    edited = next(payload for _, payload in told if payload["action"] == "edited")
    assert edited["changes"] == {"body": {"from": ""}}


def test_comment_push_and_dispatch_are_told(receiver, hook, repo):
    repo.create_issue("c").create_comment("said")
    made = repo.create_file("pushed-by-api.txt", "m", "x")
    repo.create_repository_dispatch("train", {"model": "a"})
    assert receiver.wait("issue_comment")[0][1]["comment"]["body"] == "said"
    push = receiver.wait("push")[0][1]
    assert (push["ref"], push["after"], push["head_commit"]["added"]) == (
        "refs/heads/main", made["commit"].sha, ["pushed-by-api.txt"],
    )  # fmt: skip
    dispatch = receiver.wait("repository_dispatch")[0][1]
    assert (dispatch["action"], dispatch["client_payload"]) == ("train", {"model": "a"})


def test_failed_delivery_is_tried_again_and_logged(receiver, hook, repo, http):
    receiver.answers = [500, 503]
    repo.create_issue("again")
    told = receiver.wait("issues", 3)
    assert len({headers["X-GitHub-Delivery"] for headers, _ in told}) == 1
    until = time.monotonic() + 5
    while time.monotonic() < until:
        log = http.get(f"/hooks/{hook.id}/deliveries").json()
        if log[0]["status_code"] == 204:
            break
    assert (log[0]["event"], log[0]["status"], log[0]["attempts"]) == ("issues", "OK", 3)


def test_redelivery_repeats_the_guid(receiver, hook, repo):
    repo.create_issue("once more")
    first = receiver.wait("issues")[0][0]["X-GitHub-Delivery"]
    until = time.monotonic() + 5
    while repo.get_hook_deliveries(hook.id)[0].event != "issues" and time.monotonic() < until:
        time.sleep(0.01)
    delivery = repo.get_hook_deliveries(hook.id)[0]
    assert repo.get_hook_delivery(hook.id, delivery.id).request.headers["X-GitHub-Event"] == "issues"
    repo.requester.requestJsonAndCheck("POST", f"{hook.url}/deliveries/{delivery.id}/attempts")
    assert [headers["X-GitHub-Delivery"] for headers, _ in receiver.wait("issues", 2)] == [first, first]


def test_event_that_nobody_asked_for_is_not_sent(receiver, repo):
    hook = repo.create_hook("web", {"url": receiver.url, "content_type": "json"}, ["push"])
    receiver.wait("ping")
    repo.create_issue("unheard")
    hook.ping()
    receiver.wait("ping", 2)
    assert {headers["X-GitHub-Event"] for headers, _ in receiver.arrived} == {"ping"}
    assert "X-Hub-Signature-256" not in receiver.arrived[0][0]
    hook.delete()


@pytest.mark.parametrize("url", ["http://192.0.2.1/", "http://169.254.169.254/latest", "file:///etc/passwd", ""])
def test_hook_to_another_machine_is_refused(http, url):
    assert http.post("/hooks", json={"config": {"url": url, "content_type": "json"}}).status_code == 422


def test_secret_is_never_shown(hook, server, http):
    for reply in (http.get("/hooks"), http.get(f"/hooks/{hook.id}"), httpx.get(f"{server.url}/twin/effects")):
        assert SECRET not in reply.text
