"""GraphQL through PyGithub: compare-and-swap commits and the issue snapshot."""

from __future__ import annotations

import base64

import httpx
import pytest
from github import GithubException


def commit_input(
    repo, head: str, files: dict[str, bytes], branch: str = "main", deletions: list[str] | None = None
) -> dict:
    additions = [{"path": path, "contents": base64.b64encode(data).decode()} for path, data in files.items()]
    return {
        "branch": {"repositoryNameWithOwner": repo.full_name, "branchName": branch},
        "message": {"headline": "Record", "body": "why"},
        "expectedHeadOid": head,
        "fileChanges": {"additions": additions, "deletions": [{"path": path} for path in deletions or []]},
    }


def commit(repo, login_client, *args, **more) -> dict:
    given = commit_input(repo, *args, **more)
    return login_client.requester.graphql_named_mutation(
        "createCommitOnBranch", given, "commit { oid } ref { target { oid } }"
    )[1]


def head_of(repo) -> str:
    return repo.get_branch("main").commit.sha


def test_commit_lands_on_the_expected_head_and_is_verified(repo, as_user):
    head = head_of(repo)
    made = commit(repo, as_user("mlops-bot"), head, {"h/a.md": b"one", "h/b.md": b"two"})
    read = repo.get_commit(made["commit"]["oid"])
    assert [parent.sha for parent in read.parents] == [head]
    assert (read.commit.message, read.author.login) == ("Record\n\nwhy", "mlops-bot")
    assert read.commit.verification.verified
    assert sorted(file.filename for file in read.files) == ["h/a.md", "h/b.md"]
    assert head_of(repo) == made["ref"]["target"]["oid"] == read.sha


def test_stale_head_is_refused_with_its_type_and_changes_nothing(repo, as_user):
    stale = head_of(repo)
    commit(repo, as_user("mlops-bot"), stale, {"s.md": b"1"})
    head = head_of(repo)
    with pytest.raises(GithubException) as refused:
        commit(repo, as_user("mlops-bot"), stale, {"s.md": b"2"})
    assert refused.value.data["errors"][0]["type"] == "STALE_DATA"
    assert head_of(repo) == head


def test_deletion_and_addition_come_in_one_commit(repo, as_user):
    commit(repo, as_user("mlops-bot"), head_of(repo), {"d/old.md": b"1"})
    commit(repo, as_user("mlops-bot"), head_of(repo), {"d/new.md": b"2"}, deletions=["d/old.md"])
    assert [file.name for file in repo.get_contents("d")] == ["new.md"]


@pytest.mark.parametrize(
    ("login", "change", "type"),
    [
        ("stranger", {}, "FORBIDDEN"),
        ("mlops-bot", {"branch": {"repositoryNameWithOwner": "acme/nothing", "branchName": "main"}}, "NOT_FOUND"),
        ("mlops-bot", {"fileChanges": {"additions": [{"path": "../x", "contents": "eA=="}]}}, "UNPROCESSABLE"),
        ("mlops-bot", {"fileChanges": {"additions": [{"path": "x", "contents": "no base64!"}]}}, "UNPROCESSABLE"),
        ("mlops-bot", {"fileChanges": {}}, "UNPROCESSABLE"),
    ],
    ids=["no permission", "no repository", "bad path", "bad base64", "nothing to do"],
)
def test_bad_commit_is_refused_by_type(repo, as_user, login, change, type):
    given = {**commit_input(repo, head_of(repo), {"x": b"x"}), **change}
    with pytest.raises(GithubException) as refused:
        as_user(login).requester.graphql_named_mutation("createCommitOnBranch", given, "commit { oid }")
    errors = refused.value.data.get("errors", [refused.value.data])
    assert [error["type"] for error in errors] == [type]


def test_issue_snapshot_shows_edits_and_who_labeled(repo, as_user):
    issue = repo.create_issue("snapshot", body="first", labels=["mlops:train"])
    as_user("writer").get_repo(repo.full_name).get_issue(issue.number).edit(body="second")
    query = """query($n: Int!) { repository(owner: "acme", name: "perception") { databaseId issue(number: $n) {
      body lastEditedAt editor { login } author { login } labels(first: 10) { nodes { name } }
      userContentEdits(first: 10) { totalCount nodes { editor { login } diff } }
      timelineItems(first: 10, itemTypes: [LABELED_EVENT]) { nodes {
        ... on LabeledEvent { actor { login } label { name } }
      } }
    } } }"""
    found = as_user("mlops-bot").requester.graphql_query(query, {"n": issue.number})[1]["data"]["repository"]
    read = found["issue"]
    assert found["databaseId"] == 4242
    assert (read["body"], read["editor"]["login"], read["author"]["login"]) == ("second", "writer", "octocat")
    assert read["lastEditedAt"].endswith("Z")
    assert [edit["diff"] for edit in read["userContentEdits"]["nodes"]] == ["second", "first"]
    assert read["timelineItems"]["nodes"] == [{"actor": {"login": "octocat"}, "label": {"name": "mlops:train"}}]


def test_file_is_read_by_expression(repo, as_user):
    query = """query($e: String!) {
      repository(owner: "acme", name: "perception") { object(expression: $e) { ... on Blob { text } } }
    }"""
    ask = as_user("stranger").requester.graphql_query
    assert ask(query, {"e": "main:README.md"})[1]["data"]["repository"]["object"]["text"].startswith("# perception")
    assert ask(query, {"e": "main:absent"})[1]["data"]["repository"]["object"] is None


def test_unknown_field_is_an_error_with_status_200(server):
    reply = httpx.post(
        f"{server.url}/api/graphql",
        json={"query": "{ viewer { shoe } }"},
        headers={"Authorization": "bearer twin-bot-token"},
    )
    assert reply.status_code == 200
    assert "Cannot query field 'shoe'" in reply.json()["errors"][0]["message"]
    assert "data" not in reply.json()


def test_graphql_needs_a_token(server):
    assert httpx.post(f"{server.url}/api/graphql", json={"query": "{ viewer { login } }"}).status_code == 401
