"""Blobs, trees, commits and refs made one by one."""

from __future__ import annotations

import pytest
from github import GithubException, InputGitTreeElement


def head(repo):
    return repo.get_git_commit(repo.get_branch("main").commit.sha)


def test_commit_built_from_its_parts_becomes_the_head(repo):
    parent = head(repo)
    blob = repo.create_git_blob("from parts", "utf-8")
    tree = repo.create_git_tree([InputGitTreeElement("parts/x.txt", "100644", "blob", sha=blob.sha)], parent.tree)
    commit = repo.create_git_commit("Build by hand", tree, [parent])
    repo.get_git_ref("heads/main").edit(commit.sha)
    assert repo.get_contents("parts/x.txt").decoded_content == b"from parts"
    assert repo.get_contents("README.md").size > 0


def test_ref_moves_forward_only_unless_forced(repo):
    old = head(repo).sha
    repo.create_file("forward.txt", "m", "x")
    new = head(repo).sha
    ref = repo.create_git_ref("refs/heads/moving", new)
    with pytest.raises(GithubException) as refused:
        ref.edit(old)
    assert (refused.value.status, refused.value.data["message"]) == (422, "Update is not a fast forward")
    ref.edit(old, force=True)
    assert repo.get_branch("moving").commit.sha == old


@pytest.mark.parametrize(
    ("ref", "sha"),
    [("refs/heads/main", None), ("heads/x", None), ("refs/heads/a..b", None), ("refs/heads/new", "0" * 40)],
    ids=["exists", "no full name", "bad name", "no such commit"],
)  # fmt: skip
def test_bad_ref_is_refused(repo, ref, sha):
    with pytest.raises(GithubException) as refused:
        repo.create_git_ref(ref, sha or head(repo).sha)
    assert refused.value.status == 422


def test_branch_is_deleted_but_not_the_default_one(repo):
    repo.create_git_ref("refs/heads/gone", head(repo).sha).delete()
    assert "gone" not in [branch.name for branch in repo.get_branches()]
    with pytest.raises(GithubException):
        repo.get_git_ref("heads/main").delete()


def test_tree_is_read_recursively_and_pruned(repo):
    repo.create_file("deep/er/z.txt", "m", "z")
    tree = repo.get_git_tree("main", recursive=True)
    assert {"deep", "deep/er", "deep/er/z.txt"} <= {entry.path for entry in tree.tree}
    pruned = repo.create_git_tree([InputGitTreeElement("deep/er/z.txt", "100644", "blob", sha=None)], tree)
    assert "deep" not in {entry.path for entry in pruned.tree}


def test_commits_are_listed_by_path_and_time(repo):
    made = repo.create_file("history/one.md", "First", "1")
    repo.update_file("history/one.md", "Second", "2", made["content"].sha)
    repo.create_file("other.md", "Third", "3")
    assert [each.commit.message for each in repo.get_commits(path="history/one.md")] == ["Second", "First"]
    assert repo.get_commits()[0].commit.message == "Third"
    assert repo.get_commits(sha=made["commit"].sha)[0].sha == made["commit"].sha
