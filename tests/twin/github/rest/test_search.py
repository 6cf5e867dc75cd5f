"""`search/issues`."""

from __future__ import annotations


def test_search_narrows_by_each_qualifier(as_user, repo, repo_as):
    wanted = repo_as("writer").create_issue("needle in hay", labels=["find me"])
    repo.create_issue("needle elsewhere")
    query = 'needle repo:acme/perception is:issue is:open label:"find me" author:writer'
    assert [issue.number for issue in as_user("octocat").search_issues(query)] == [wanted.number]


def test_search_outside_what_one_may_see_is_422(server, http):
    reply = http.get(f"{server.url}/api/v3/search/issues", params={"q": "x repo:acme/nothing"})
    assert reply.status_code == 422
