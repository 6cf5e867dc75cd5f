"""Who may do what: roles against actions, and what the legacy field hides."""

from __future__ import annotations

import base64

import httpx
import pytest

ROLES = ["nobody", "stranger", "triager", "writer", "mlops-bot", "maintainer", "octocat"]
LEVEL = {"nobody": 0, "stranger": 1, "triager": 2, "writer": 3, "mlops-bot": 3, "maintainer": 4, "octocat": 5}


@pytest.fixture(scope="module")
def call_as(server):
    """HTTP under somebody's token; `nobody` has an account and no role in the repository."""
    # One client: each new one would load the certificates anew.
    client = httpx.Client(base_url=f"{server.url}/api/v3/repos/acme/perception")
    people = {"login": "nobody", "token": "twin-nobody-token", "role": "none"}
    httpx.post(f"{server.url}/twin/users", json=people).raise_for_status()

    def call(login: str, method: str, path: str, **more) -> httpx.Response:
        token = "twin-bot-token" if login == "mlops-bot" else f"twin-{login}-token"
        return client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **more)

    yield call
    client.close()


ACTIONS = {
    # action -> (lowest level that may, method, path, body); {n} is an issue of somebody else
    "read an issue": (0, "GET", "/issues/{n}", None),
    "file an issue": (0, "POST", "/issues", {"title": "t"}),
    "comment": (0, "POST", "/issues/{n}/comments", {"body": "c"}),
    "react": (0, "POST", "/issues/{n}/reactions", {"content": "eyes"}),
    "label": (2, "POST", "/issues/{n}/labels", {"labels": ["mlops:train"]}),
    "close": (2, "PATCH", "/issues/{n}", {"state": "closed"}),
    "assign": (2, "POST", "/issues/{n}/assignees", {"assignees": ["octocat"]}),
    "edit the text": (3, "PATCH", "/issues/{n}", {"body": "other"}),
    "create a label": (3, "POST", "/labels", None),
    "write a file": (3, "PUT", "/contents/{login}.txt", None),
    "set a status": (3, "POST", "/statuses/{sha}", {"state": "success"}),
    "dispatch": (3, "POST", "/dispatches", {"event_type": "x"}),
    "ask for a permission": (3, "GET", "/collaborators/octocat/permission", None),
    "add a hook": (5, "POST", "/hooks", {"config": {"url": "http://127.0.0.1:9/"}}),
    "change a role": (5, "PUT", "/collaborators/stranger", {"permission": "pull"}),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_each_role_may_do_exactly_what_github_allows(call_as, repo, action):
    lowest, method, path, body = ACTIONS[action]
    for login in ROLES:
        issue = repo.create_issue("somebody else's", body="text")
        filled = path.format(n=issue.number, login=login, sha=repo.get_branch("main").commit.sha)
        if action == "create a label":
            body = {"name": f"by {login}", "color": "aabbcc"}
        if action == "write a file":
            body = {"message": "m", "content": base64.b64encode(b"x").decode()}
        reply = call_as(login, method, filled, json=body) if body else call_as(login, method, filled)
        # Hooks do not admit that they exist.
        refused = 404 if "hook" in action else 403
        allowed = LEVEL[login] >= lowest
        assert (reply.status_code < 300) == allowed, (login, reply.status_code, reply.text)
        assert allowed or reply.status_code == refused, (login, reply.status_code)


@pytest.mark.parametrize(
    ("login", "permission", "role_name"),
    [
        ("nobody", "read", "read"),
        ("stranger", "read", "read"),
        ("triager", "read", "triage"),
        ("writer", "write", "write"),
        ("maintainer", "write", "maintain"),
        ("octocat", "admin", "admin"),
    ],
)
def test_legacy_permission_hides_triage_and_maintain(call_as, login, permission, role_name):
    reply = call_as("mlops-bot", "GET", f"/collaborators/{login}/permission").json()
    assert (reply["permission"], reply["role_name"], reply["user"]["login"]) == (permission, role_name, login)


def test_permission_of_an_unknown_login_is_404(call_as):
    assert call_as("mlops-bot", "GET", "/collaborators/ghost/permission").status_code == 404


def test_author_edits_own_text_but_sets_no_label(call_as):
    made = call_as("stranger", "POST", "/issues", json={"title": "mine", "labels": ["mlops:train"]}).json()
    assert made["labels"] == []
    edited = call_as(
        "stranger", "PATCH", f"/issues/{made['number']}", json={"body": "new", "labels": ["mlops:train"]}
    ).json()
    assert (edited["body"], edited["labels"]) == ("new", [])
    refused = call_as("stranger", "POST", f"/issues/{made['number']}/labels", json=["mlops:train"])
    assert refused.status_code == 403


def test_comment_of_somebody_else_cannot_be_edited_below_write(call_as, repo):
    comment = repo.create_issue("c").create_comment("octocat's")
    for login in ("stranger", "triager"):
        assert call_as(login, "PATCH", f"/issues/comments/{comment.id}", json={"body": "x"}).status_code == 403
    assert call_as("writer", "PATCH", f"/issues/comments/{comment.id}", json={"body": "x"}).status_code == 200


def test_private_repository_does_not_exist_for_others(server, call_as):
    seed = {"owner": "acme", "name": "secret", "id": 4343, "private": True, "people": []}
    httpx.post(f"{server.url}/twin/repositories", json=seed).raise_for_status()
    headers = {"Authorization": "token twin-writer-token"}
    for path in ("", "/issues", "/contents/README.md", "/nonsense"):
        assert httpx.get(f"{server.url}/api/v3/repos/acme/secret{path}", headers=headers).status_code == 404
    assert httpx.get(f"{server.url}/acme/secret").status_code == 404
    assert httpx.get(f"{server.url}/acme/secret.git/info/refs?service=git-upload-pack").status_code == 401


def test_bot_account_is_marked_as_one(server, call_as):
    bot = {"login": "actions[bot]", "type": "Bot", "role": "write", "token": "twin-actions-token"}
    httpx.post(f"{server.url}/twin/users", json=bot).raise_for_status()
    issue = httpx.post(
        f"{server.url}/api/v3/repos/acme/perception/issues", json={"title": "by a bot"},
        headers={"Authorization": "token twin-actions-token"},
    ).json()  # fmt: skip
    assert issue["user"]["type"] == "Bot"
