"""Many writers at once: nothing lost, nothing doubled, no stale head accepted."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

import httpx

WRITERS, EACH = 8, 5
MUTATION = "mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }"
HEADERS = {"Authorization": "token twin-bot-token"}


def test_compare_and_swap_lets_every_record_in_once(server, repo):
    def write(writer: int) -> int:
        retries = 0
        with httpx.Client(base_url=server.url, headers=HEADERS) as client:
            for number in range(EACH):
                addition = {"path": f"race/{writer}-{number}.md", "contents": base64.b64encode(b"x").decode()}
                while True:
                    head = client.get("/api/v3/repos/acme/perception/git/ref/heads/main").json()["object"]["sha"]
                    branch = {"repositoryNameWithOwner": "acme/perception", "branchName": "main"}
                    given = {
                        "branch": branch, "message": {"headline": "r"}, "expectedHeadOid": head,
                        "fileChanges": {"additions": [addition]},
                    }  # fmt: skip
                    reply = client.post("/api/graphql", json={"query": MUTATION, "variables": {"input": given}}).json()
                    if "errors" not in reply:
                        break
                    assert reply["errors"][0]["type"] == "STALE_DATA"
                    retries += 1
        return retries

    before = repo.get_commits().totalCount
    with ThreadPoolExecutor(WRITERS) as pool:
        retries = list(pool.map(write, range(WRITERS)))
    assert len(repo.get_contents("race")) == WRITERS * EACH
    assert repo.get_commits().totalCount == before + WRITERS * EACH
    assert sum(retries) > 0


def test_issue_numbers_are_given_once(server, repo):
    def file(title: str) -> int:
        url = f"{server.url}/api/v3/repos/acme/perception/issues"
        return httpx.post(url, json={"title": title}, headers=HEADERS).json()["number"]

    with ThreadPoolExecutor(WRITERS) as pool:
        numbers = list(pool.map(file, map(str, range(24))))
    assert len(set(numbers)) == 24
