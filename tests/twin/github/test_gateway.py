"""What every request passes: token, conditional reply, limits, faults, headers."""

from __future__ import annotations

import base64
import email.utils
import time

import httpx
import pytest


def test_bad_token_is_401_with_githubs_body(server):
    reply = httpx.get(f"{server.url}/api/v3/user", headers={"Authorization": "token nonsense"})
    assert reply.status_code == 401
    assert reply.json()["message"] == "Bad credentials"


@pytest.mark.parametrize(
    "value",
    [
        "token twin-octocat-token",
        "Bearer twin-octocat-token",
        "Basic " + base64.b64encode(b"x:twin-octocat-token").decode(),
    ],
    ids=["token", "bearer", "basic"],
)
def test_token_is_taken_in_each_scheme(server, value):
    assert httpx.get(f"{server.url}/api/v3/user", headers={"Authorization": value}).json()["login"] == "octocat"


def test_without_token_a_public_repository_reads_and_nothing_writes(server):
    url = f"{server.url}/api/v3/repos/acme/perception/issues"
    assert httpx.get(url).status_code == 200
    assert httpx.post(url, json={"title": "t"}).status_code == 401


def test_unknown_path_and_method_are_404_in_json(http):
    for reply in (http.get("/nonsense"), http.put("/issues"), http.get("/issues/0x1"), http.get("/issues/99999")):
        assert (reply.status_code, reply.json()["message"]) == (404, "Not Found")


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff", b'"text"'], ids=["cut", "deep", "bytes", "text"])
def test_body_that_is_no_json_object_is_400(http, body):
    assert http.post("/issues", content=body, headers={"Content-Type": "application/json"}).status_code == 400


def test_unchanged_list_is_304_and_costs_nothing(http, repo):
    repo.create_issue("etag")
    first = http.get("/issues")
    again = http.get("/issues", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["X-RateLimit-Used"] == first.headers["X-RateLimit-Used"]
    repo.create_issue("changes the list")
    assert http.get("/issues", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_etag_belongs_to_one_token(server, http):
    tag = http.get("/issues").headers["ETag"]
    other = {"Authorization": "token twin-stranger-token", "If-None-Match": tag}
    assert httpx.get(f"{server.url}/api/v3/repos/acme/perception/issues", headers=other).status_code == 200


def test_single_issue_answers_if_modified_since(http, repo):
    issue = repo.create_issue("modified")
    first = http.get(f"/issues/{issue.number}")
    since = {"If-Modified-Since": first.headers["Last-Modified"]}
    assert http.get(f"/issues/{issue.number}", headers=since).status_code == 304


def test_budget_counts_down_and_rate_limit_is_free(server, http):
    used = [int(http.get("/labels").headers["X-RateLimit-Used"]) for _ in range(2)]
    assert used[1] == used[0] + 1
    shown = httpx.get(f"{server.url}/api/v3/rate_limit", headers=dict(http.headers)).json()
    assert shown["resources"]["core"]["used"] == used[1]


def test_every_reply_has_one_date_and_a_request_id(http):
    reply = http.get("/labels")
    assert len(reply.headers.get_list("date")) == 1
    assert abs(email.utils.parsedate_to_datetime(reply.headers["Date"]).timestamp() - time.time()) < 5
    assert reply.headers["X-GitHub-Request-Id"] != http.get("/labels").headers["X-GitHub-Request-Id"]


def test_spent_budget_is_403_with_the_reset(http, knobs):
    knobs.post("/limits", json={"core_per_hour": 2})
    assert [http.get("/labels").status_code for _ in range(3)] == [200, 200, 403]
    reply = http.get("/labels")
    assert reply.json()["message"].startswith("API rate limit exceeded")
    assert reply.headers["X-RateLimit-Remaining"] == "0"
    assert time.time() < int(reply.headers["X-RateLimit-Reset"]) <= time.time() + 3601


def test_content_created_too_fast_is_403_with_retry_after(http, repo, knobs):
    issue = repo.create_issue("busy")
    knobs.post("/limits", json={"content_per_minute": 3, "secondary_retry_after_s": 7})
    replies = [http.post(f"/issues/{issue.number}/comments", json={"body": "c"}) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [201, 201, 201, 403]
    assert replies[3].headers["Retry-After"] == "7"
    assert "secondary rate limit" in replies[3].json()["message"]
    assert http.get(f"/issues/{issue.number}/comments").status_code == 200
    assert len(http.get(f"/issues/{issue.number}/comments").json()) == 3


# --- faults


def test_status_fault_has_no_effect_and_ends_after_its_count(http, knobs):
    before = http.get("/issues", params={"per_page": 1}).json()
    knobs.post("/faults", json={"match": "^POST .*/issues$", "fault": "status", "status": 502, "count": 1})
    assert http.post("/issues", json={"title": "lost"}).status_code == 502
    assert http.get("/issues", params={"per_page": 1}).json() == before
    assert http.post("/issues", json={"title": "kept"}).status_code == 201


def test_lost_reply_happens_and_breaks_the_connection(http, knobs):
    effects = knobs.get("/effects", params={"kind": "issue.created"}).json()
    knobs.post("/faults", json={"match": "^POST .*/issues$", "fault": "lost_reply"})
    with pytest.raises(httpx.RemoteProtocolError):
        http.post("/issues", json={"title": "made, not told"})
    new = knobs.get("/effects", params={"kind": "issue.created", "after": effects[-1]["id"] if effects else 0}).json()
    assert [(each["actor"], each["detail"]["title"]) for each in new] == [("octocat", "made, not told")]


def test_reset_breaks_the_connection_before_anything_happens(http, knobs):
    count = len(knobs.get("/effects").json())
    knobs.post("/faults", json={"match": "^POST", "fault": "reset"})
    with pytest.raises(httpx.RemoteProtocolError):
        http.post("/issues", json={"title": "never"})
    assert len(knobs.get("/effects").json()) == count


def test_500_after_effect_has_happened(http, knobs):
    knobs.post("/faults", json={"match": "^POST .*/issues$", "fault": "reply_500_after_effect"})
    assert http.post("/issues", json={"title": "hidden success"}).status_code == 500
    assert http.get("/issues", params={"per_page": 1}).json()[0]["title"] == "hidden success"


def test_limit_faults_speak_as_github_does(http, knobs):
    knobs.post("/faults", json=[{"fault": "secondary_limit", "retry_after_s": 3}, {"fault": "primary_limit"}])
    assert http.get("/labels").headers["Retry-After"] == "3"
    assert http.get("/labels").headers["X-RateLimit-Remaining"] == "0"
    assert http.get("/labels").status_code == 200


def test_rule_may_wait_for_the_second_request(http, knobs):
    knobs.post("/faults", json={"match": "^GET", "fault": "status", "status": 503, "after": 1})
    assert [http.get("/labels").status_code for _ in range(3)] == [200, 503, 200]


def test_reply_may_be_cut_in_the_middle(http, knobs):
    knobs.post("/faults", json={"fault": "bad_json"})
    with pytest.raises(ValueError, match=r"column \d+"):
        http.get("/labels").json()


@pytest.mark.parametrize(
    "rule", [{"fault": "earthquake"}, {"fault": "status", "match": "("}, {"fault": "status", "often": 1}]
)
def test_rule_that_says_nothing_is_refused(knobs, rule):
    assert knobs.post("/faults", json=rule).status_code == 422
