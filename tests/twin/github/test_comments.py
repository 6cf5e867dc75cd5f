"""Comments and reactions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from github import GithubException


def test_comment_is_edited_in_place_and_deleted(repo):
    issue = repo.create_issue("c")
    comment = issue.create_comment("one")
    comment.edit("two")
    assert [(each.id, each.body) for each in issue.get_comments()] == [(comment.id, "two")]
    comment.delete()
    assert list(issue.get_comments()) == []


def test_comment_counts_and_touches_its_issue(repo):
    issue = repo.create_issue("c")
    issue.create_comment("one")
    read = repo.get_issue(issue.number)
    assert read.comments == 1
    assert read.updated_at >= issue.updated_at


def test_comments_since_are_those_changed_since(repo, http):
    issue = repo.create_issue("c")
    comment = issue.create_comment("one")
    later = (comment.updated_at + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    now = comment.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    path = f"/issues/{issue.number}/comments"
    assert [each["id"] for each in http.get(path, params={"since": now}).json()] == [comment.id]
    assert http.get(path, params={"since": later}).json() == []


def test_comments_of_the_repository_name_their_issue(repo):
    issue = repo.create_issue("c")
    comment = issue.create_comment("find me")
    newest = repo.get_issues_comments(sort="updated", direction="desc")[0]
    assert (newest.id, newest.issue_url) == (comment.id, issue.url)


@pytest.mark.parametrize("body", ["", "  \n", "x" * 65_537], ids=["empty", "blank", "too long"])
def test_bad_comment_is_refused(repo, body):
    issue = repo.create_issue("c")
    with pytest.raises(GithubException) as refused:
        issue.create_comment(body)
    assert refused.value.status == 422
    assert issue.get_comments().totalCount == 0


def test_reaction_is_given_once(repo, http):
    issue = repo.create_issue("r")
    path = f"/issues/{issue.number}/reactions"
    first, again = (http.post(path, json={"content": "rocket"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert repo.get_issue(issue.number).reactions["rocket"] == 1


def test_reaction_to_a_comment_is_taken_back(repo):
    comment = repo.create_issue("r").create_comment("c")
    reaction = comment.create_reaction("eyes")
    assert [each.content for each in comment.get_reactions()] == ["eyes"]
    comment.delete_reaction(reaction.id)
    assert list(comment.get_reactions()) == []
    with pytest.raises(GithubException):
        comment.create_reaction("applause")
