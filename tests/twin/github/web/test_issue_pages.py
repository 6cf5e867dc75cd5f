"""The issue pages, as a browser uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest


@pytest.fixture
def browser(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server.url}/acme/perception", follow_redirects=True) as client:
        yield client


def send(browser: httpx.Client, page: str, path: str, **fields) -> httpx.Response:
    """Load a page and send the form on it."""
    token = re.search(r'name="form_token" value="(\w+)"', browser.get(page).text)
    assert token
    return browser.post(path, data={"form_token": token[1], **fields})


def test_issue_is_filed_from_the_browser_as_octocat(browser, repo):
    page = send(browser, "/issues/new", "/issues", title="By hand", body="a: 1\r\nb: 2", labels=["mlops:train", "bug"])
    number = int(page.url.path.rpartition("/")[2])
    issue = repo.get_issue(number)
    assert (issue.user.login, issue.title, issue.body) == ("octocat", "By hand", "a: 1\r\nb: 2")
    assert [label.name for label in issue.labels] == ["mlops:train", "bug"]
    assert "By hand" in page.text


def test_comment_close_reopen_label_and_edit_work_from_the_page(browser, repo):
    issue = repo.create_issue("steer me", body="old")
    path = f"/issues/{issue.number}"
    send(browser, path, path, action="comment", body="/approve abc")
    send(browser, path, path, action="close", reason="not_planned", body="")
    assert repo.get_issue(issue.number).state_reason == "not_planned"
    send(browser, path, path, action="reopen", body="again")
    send(browser, path, path, action="labels", labels=["mlops"])
    send(browser, path, path, action="edit", title="steered", body="new")
    read = repo.get_issue(issue.number)
    assert (read.state, read.title, read.body, [label.name for label in read.labels]) == (
        "open",
        "steered",
        "new",
        ["mlops"],
    )
    assert [comment.body for comment in read.get_comments()] == ["/approve abc", "again"]


@pytest.mark.parametrize("token", [None, "", "0" * 64])
def test_form_without_its_token_does_nothing(browser, repo, token):
    before = repo.get_issues(state="all").totalCount
    browser.get("/issues/new")
    reply = browser.post("/issues", data={"title": "forged", **({} if token is None else {"form_token": token})})
    assert reply.status_code == 403
    assert repo.get_issues(state="all").totalCount == before


def test_form_token_of_another_session_does_nothing(server, browser):
    token = re.search(r'form_token" value="(\w+)"', httpx.get(f"{server.url}/acme/perception/issues/new").text)
    assert token
    browser.get("/issues/new")
    assert browser.post("/issues", data={"title": "x", "form_token": token[1]}).status_code == 403


def test_foreign_page_cannot_send_the_form(browser):
    assert browser.post("/issues", data={"title": "x"}, headers={"Origin": "http://evil.example"}).status_code == 403


def test_list_shows_labels_states_and_filters(browser, repo):
    repo.create_issue("visible", labels=["mlops:train"])
    repo.create_issue("kept back")
    page = browser.get("/issues", params={"label": "mlops:train"}).text
    assert "visible" in page
    assert "kept back" not in page
    assert 'style="--r:14;--g:138;--b:22"' in page
    assert "kept back" in browser.get("/issues", params={"q": "kept ba"}).text


def test_conversation_is_rendered_and_hostile_text_is_inert(browser, repo):
    issue = repo.create_issue("<script>alert('title')</script>", body="**bold** <script>alert('body')</script>")
    issue.create_comment("| a |\n|---|\n| 1 |\n\n<img src=x onerror=alert(1)>")
    reply = browser.get(f"/issues/{issue.number}")
    assert "<script" not in reply.text
    assert "onerror=alert" not in reply.text.replace("&lt;img src=x onerror=alert(1)&gt;", "")
    assert "<strong>bold</strong>" in reply.text
    assert "<td>1</td>" in reply.text
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert "script-src" not in reply.headers["Content-Security-Policy"]


def test_mistake_in_a_form_is_told(browser):
    reply = send(browser, "/issues/new", "/issues", title="", body="x")
    assert (reply.status_code, "title" in reply.text) == (422, True)


def test_missing_issue_is_a_404_page(browser):
    assert browser.get("/issues/99999").status_code == 404
