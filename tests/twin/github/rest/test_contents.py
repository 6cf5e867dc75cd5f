"""Files through the contents API."""

from __future__ import annotations

import base64

import pytest
from github import GithubException


def content(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_file_is_created_updated_and_deleted(repo):
    made = repo.create_file("dir/a.txt", "Add a", b"one")
    assert repo.get_contents("dir/a.txt").decoded_content == b"one"
    changed = repo.update_file("dir/a.txt", "Change a", b"two", made["content"].sha)
    assert [parent.sha for parent in changed["commit"].parents] == [made["commit"].sha]
    repo.delete_file("dir/a.txt", "Remove a", changed["content"].sha)
    with pytest.raises(GithubException) as missing:
        repo.get_contents("dir/a.txt")
    assert missing.value.status == 404


def test_sha_is_gits_own(repo):
    """`printf hello | git hash-object --stdin`."""
    made = repo.create_file("hello.txt", "m", b"hello")
    assert made["content"].sha == "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"


def test_missing_sha_is_422_and_stale_sha_409(repo, http):
    made = repo.create_file("cas.txt", "m", b"1")["content"]
    repo.update_file("cas.txt", "m", b"2", made.sha)
    put = {"message": "m", "content": content(b"3")}
    without, stale = (
        http.put("/contents/cas.txt", json=put),
        http.put("/contents/cas.txt", json={**put, "sha": made.sha}),
    )
    assert (without.status_code, stale.status_code) == (422, 409)
    assert '"sha" wasn\'t supplied' in without.json()["message"]
    assert stale.json()["message"] == f"cas.txt does not match {made.sha}"
    assert repo.get_contents("cas.txt").decoded_content == b"2"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("x/../y", {"message": "m", "content": "eA=="}, 422),
        (".git/config", {"message": "m", "content": "eA=="}, 422),
        ("x", {"message": "m", "content": "%%"}, 422),
        ("x", {"content": "eA=="}, 422),
        ("x", {"message": "m"}, 422),
        ("x", {"message": "m", "content": "eA==", "branch": "nowhere"}, 404),
        ("README.md/below", {"message": "m", "content": "eA=="}, 422),
    ],
    ids=["dot-dot", "git's own folder", "no base64", "no message", "no content", "no branch", "below a file"],
)
def test_bad_write_is_refused_and_commits_nothing(http, repo, path, body, status):
    head = repo.get_branch("main").commit.sha
    # The path is sent as it stands; a client would have tidied it.
    reply = http.put(f"/contents/{path.replace('..', '%2E%2E')}", json=body)
    assert reply.status_code == status, reply.text
    assert repo.get_branch("main").commit.sha == head


def test_directory_is_listed_and_raw_is_bytes(repo, http):
    repo.create_file("list/b.bin", "m", bytes(range(256)))
    repo.create_file("list/sub/c.txt", "m", b"c")
    assert [(each.name, each.type) for each in repo.get_contents("list")] == [("b.bin", "file"), ("sub", "dir")]
    raw = http.get("/contents/list/b.bin", headers={"Accept": "application/vnd.github.raw+json"})
    assert raw.content == bytes(range(256))


def test_file_is_read_at_any_commit_and_branch(repo):
    first = repo.create_file("ref.txt", "m", b"old")
    repo.create_git_ref("refs/heads/release/1.0", first["commit"].sha)
    repo.update_file("ref.txt", "m", b"new", first["content"].sha)
    assert repo.get_contents("ref.txt", ref=first["commit"].sha).decoded_content == b"old"
    assert repo.get_contents("ref.txt", ref="release/1.0").decoded_content == b"old"
    assert repo.get_contents("ref.txt").decoded_content == b"new"


def test_big_file_comes_without_inline_content(repo, http):
    repo.create_file("big.bin", "m", b"\0" * (1 << 20) + b"1")
    read = http.get("/contents/big.bin").json()
    assert (read["encoding"], read["content"], read["size"]) == ("none", "", (1 << 20) + 1)


def test_names_with_blanks_and_other_scripts_survive(repo):
    repo.create_file("docs/ein Bericht – 報告.md", "m", b"x")
    assert repo.get_contents("docs/ein Bericht – 報告.md").decoded_content == b"x"
