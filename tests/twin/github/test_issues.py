"""Issues through PyGithub, as a bot uses them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from github import GithubException
from github.GithubObject import NotSet


def numbers(found) -> list[int]:
    return [issue.number for issue in found]


def test_issue_carries_labels_author_and_number(repo):
    issue = repo.create_issue("Train", body="text", labels=["mlops:train"])
    read = repo.get_issue(issue.number)
    assert (read.title, read.body, read.user.login, read.state) == ("Train", "text", "octocat", "open")
    assert [label.name for label in read.labels] == ["mlops:train"]


def test_list_needs_all_labels_asked_for(repo):
    both = repo.create_issue("both", labels=["and-a", "and-b"])
    repo.create_issue("one", labels=["and-a"])
    assert numbers(repo.get_issues(labels=["and-a", "and-b"])) == [both.number]


def test_list_since_an_update_is_inclusive_and_ordered_by_it(repo):
    first, second = repo.create_issue("s1", labels=["since"]), repo.create_issue("s2", labels=["since"])
    first.create_comment("later")
    at = repo.get_issue(second.number).updated_at
    found = repo.get_issues(labels=["since"], since=at, sort="updated", direction="asc")
    assert numbers(found) == [second.number, first.number]
    future = datetime.now(UTC) + timedelta(minutes=1)
    assert numbers(repo.get_issues(labels=["since"], since=future)) == []


def test_pages_follow_the_link_header(repo, http):
    made = [repo.create_issue(f"p{n}", labels=["pages"]).number for n in range(5)]
    reply = http.get("/issues", params={"labels": "pages", "per_page": 2, "page": 2, "direction": "asc"})
    assert [issue["number"] for issue in reply.json()] == made[2:4]
    assert set(reply.links) == {"prev", "next", "last", "first"}
    assert "&page=3&" in reply.links["last"]["url"]
    assert "labels=pages" in reply.links["next"]["url"]


def test_pull_requests_appear_in_the_list_of_issues(repo):
    repo.create_git_ref("refs/heads/topic", repo.get_branch("main").commit.sha)
    pull = repo.create_pull("main", "topic", title="A pull request", body="")
    listed = {issue.number: issue.pull_request for issue in repo.get_issues()}
    assert listed[pull.number] is not None
    issue = repo.create_issue("no pull request")
    assert repo.get_issue(issue.number).pull_request is None


def test_close_keeps_its_reason_and_reopen_removes_it(repo):
    issue = repo.create_issue("c")
    issue.edit(state="closed", state_reason="not_planned")
    assert (issue.state, issue.state_reason, issue.closed_by.login) == ("closed", "not_planned", "octocat")
    issue.edit(state="open")
    assert (issue.state, issue.state_reason, issue.closed_at) == ("open", "reopened", None)
    assert [event.event for event in issue.get_events()] == ["closed", "reopened"]


def test_labeled_event_names_the_actor(repo, repo_as):
    issue = repo.create_issue("who")
    repo_as("triager").get_issue(issue.number).add_to_labels("mlops:train")
    event = next(iter(issue.get_events()))
    assert (event.event, event.actor.login, event.label.name) == ("labeled", "triager", "mlops:train")


def test_timeline_mixes_events_and_comments_in_time(repo):
    issue = repo.create_issue("t", labels=["x"])
    issue.create_comment("said")
    issue.remove_from_labels("x")
    issue.edit(title="u")
    assert [entry.event for entry in issue.get_timeline()] == ["labeled", "commented", "unlabeled", "renamed"]


def test_rename_event_shows_both_titles(repo, http):
    issue = repo.create_issue("before")
    issue.edit(title="after")
    event = http.get(f"/issues/{issue.number}/events").json()[0]
    assert event["rename"] == {"from": "before", "to": "after"}


def test_assignees_need_access(repo):
    issue = repo.create_issue("a", assignees=["mlops-bot"])
    assert [user.login for user in issue.assignees] == ["mlops-bot"]
    issue.add_to_assignees("triager")
    assert issue.assignees[1].login == "triager"
    issue.remove_from_assignees("mlops-bot")
    assert [user.login for user in issue.assignees] == ["triager"]
    with pytest.raises(GithubException) as refused:
        issue.edit(assignees=["stranger"])
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"body": "no title"}, "title", "missing_field"),
        ({"title": "t" * 257}, "title", "custom"),
        ({"title": "t", "body": "b" * 65_537}, "body", "custom"),
    ],
    ids=["no title", "title too long", "body too long"],
)
def test_bad_issue_is_refused_in_githubs_shape(http, given, field, code):
    reply = http.post("/issues", json=given)
    assert reply.status_code == 422
    assert reply.json()["message"] == "Validation Failed"
    assert [(error["resource"], error["field"], error["code"]) for error in reply.json()["errors"]] == [
        ("Issue", field, code)
    ]


def test_longest_body_is_taken(repo):
    assert len(repo.create_issue("long", body="b" * 65_536).body) == 65_536


def test_body_is_kept_byte_for_byte(repo):
    text = "a: 1\r\n# 見出し\ttab  \n\n{{ 7*7 }} <script>\u202e🎉"
    assert repo.get_issue(repo.create_issue("raw", body=text).number).body == text


def test_events_of_the_repository_come_newest_first(repo):
    issue = repo.create_issue("newest")
    issue.edit(state="closed")
    event = repo.get_issues_events()[0]
    assert (event.event, event.issue.number) == ("closed", issue.number)


def test_edit_that_changes_nothing_leaves_no_trace(repo, http):
    issue = repo.create_issue("same", body="b")
    before = http.get(f"/issues/{issue.number}").json()
    issue.edit(title="same", body="b", state="open", labels=NotSet)
    assert http.get(f"/issues/{issue.number}").json() == before
