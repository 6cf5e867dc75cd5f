"""Labels of a repository and of an issue."""

from __future__ import annotations

import pytest
from github import GithubException


def test_first_use_of_a_name_makes_a_label(repo):
    repo.create_issue("l").add_to_labels("brand new")
    label = repo.get_label("brand new")
    assert (label.name, label.color) == ("brand new", "ededed")


def test_labels_are_added_removed_and_replaced(repo):
    issue = repo.create_issue("l", labels=["a", "b"])
    issue.add_to_labels("c", "a")
    assert [label.name for label in issue.get_labels()] == ["a", "b", "c"]
    issue.remove_from_labels("b")
    issue.set_labels("c", "d")
    assert [label.name for label in issue.get_labels()] == ["c", "d"]
    issue.delete_labels()
    assert list(issue.get_labels()) == []


def test_label_that_is_not_on_the_issue_cannot_be_removed(repo):
    issue = repo.create_issue("l")
    with pytest.raises(GithubException) as refused:
        issue.remove_from_labels("bug")
    assert (refused.value.status, refused.value.data["message"]) == (404, "Label does not exist")


def test_names_are_compared_without_case(repo):
    issue = repo.create_issue("l", labels=["BUG"])
    assert [label.name for label in issue.labels] == ["bug"]


def test_label_with_a_slash_and_a_colon_is_found(repo):
    repo.create_label("area/mlops:x", "abcdef", "a description")
    assert repo.get_label("area/mlops:x").description == "a description"


def test_label_is_renamed_and_deleted_everywhere(repo):
    issue = repo.create_issue("l", labels=["temporary"])
    repo.get_label("temporary").edit("renamed", "123456")
    assert [label.name for label in issue.get_labels()] == ["renamed"]
    repo.get_label("renamed").delete()
    assert list(issue.get_labels()) == []


@pytest.mark.parametrize(
    ("name", "color", "code"),
    [("bug", "ffffff", "already_exists"), ("x", "red", "invalid"), ("n" * 51, "ffffff", "custom")],
    ids=["exists", "no colour", "too long"],
)
def test_bad_label_is_refused(repo, name, color, code):
    with pytest.raises(GithubException) as refused:
        repo.create_label(name, color)
    assert refused.value.status == 422
    assert refused.value.data["errors"][0]["code"] == code
