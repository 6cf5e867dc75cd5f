"""The repository over real HTTP, against the GitHub twin with its faults."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from mlops.errors import Conflict, RequestRefused, Unavailable
from mlops.github import GitHubRepository
from mlops.issues import STATE_LABELS, body_hash

LABELS = ("mlops:train", "mlops")


@pytest.fixture
def repository(forge) -> GitHubRepository:
    return GitHubRepository(f"{forge.url}/api/v3", "acme/perception", lambda: "twin-bot-token")


def test_a_repository_knows_its_number_and_who_we_are(repository):
    assert repository.id == 4242
    assert repository.login == "mlops-bot"


@pytest.mark.parametrize(
    ("login", "role"),
    [("octocat", "admin"), ("maintainer", "maintain"), ("writer", "write"), ("triager", "triage"),
     ("stranger", "read"), ("nobody-at-all", "none")],
)  # fmt: skip
def test_the_role_is_the_exact_one_and_not_the_legacy_field(repository, login, role):
    assert repository.role(login) == role


def test_a_snapshot_holds_body_labels_and_who_set_the_trigger_label_last(forge, repository):
    number = forge.file("text", labels=["bug"], login="stranger")
    forge.label(number, "mlops", login="triager")
    forge.unlabel(number, "mlops")
    forge.label(number, "mlops:train", login="writer")
    forge.label(number, "question", login="octocat")
    snapshot = repository.snapshot(number, LABELS)
    assert (snapshot.author, snapshot.body, snapshot.state) == ("stranger", "text", "open")
    assert set(snapshot.labels) >= {"mlops:train", "question"}
    assert snapshot.labelled is not None
    assert (snapshot.labelled.actor, snapshot.labelled.label) == ("writer", "mlops:train")
    assert not snapshot.is_pull_request


def test_an_unlabelled_issue_has_no_label_event(forge, repository):
    assert repository.snapshot(forge.file("text", labels=[]), LABELS).labelled is None


def test_the_last_edit_names_its_editor_and_the_text_it_left(forge, repository):
    number = forge.file("first", login="octocat")
    assert repository.last_edit(number).at is None
    forge.edit(number, body="second", login="writer")
    edit = repository.last_edit(number)
    assert (edit.editor, edit.body_hash) == ("writer", body_hash("second"))
    assert abs((edit.at - datetime.now(UTC)).total_seconds()) < 60


def test_a_comment_is_published_once_and_edited_in_place(forge, repository):
    number = forge.file("text")
    first = repository.publish_comment(number, "<!-- m -->", "<!-- m --> one")
    assert repository.publish_comment(number, "<!-- m -->", "<!-- m --> two").id == first.id
    assert repository.publish_comment(number, "<!-- m -->", "<!-- m --> three", first.id).id == first.id
    assert forge.comments(number) == ["<!-- m --> three"]


def test_an_unchanged_comment_is_not_written_again(forge, repository):
    number = forge.file("text")
    comment = repository.publish_comment(number, "<!-- m -->", "<!-- m --> one")
    repository.publish_comment(number, "<!-- m -->", "<!-- m --> one", comment.id)
    assert forge.effects("comment.edited") == []


def test_somebody_elses_copy_of_our_marker_is_not_our_comment(forge, repository):
    number = forge.file("text")
    forge.say(number, "<!-- m --> mine now", login="stranger")
    assert repository.find_comment(number, "<!-- m -->") is None
    repository.publish_comment(number, "<!-- m -->", "<!-- m --> ours")
    assert forge.comments(number, "stranger") == ["<!-- m --> mine now"]


@pytest.mark.parametrize("fault", ["lost_reply", "reply_500_after_effect", "bad_json"])
def test_a_lost_reply_to_a_comment_leads_to_no_second_one(forge, repository, fault):
    number = forge.file("text")
    forge.knob("faults", {"match": "POST .*/comments$", "fault": fault, "count": 1})
    repository.publish_comment(number, "<!-- m -->", "<!-- m --> one")
    assert forge.comments(number) == ["<!-- m --> one"]


def test_a_comment_that_was_deleted_is_written_anew(forge, repository):
    number = forge.file("text")
    first = repository.publish_comment(number, "<!-- m -->", "<!-- m --> one")
    forge.call("DELETE", f"/issues/comments/{first.id}")
    assert repository.publish_comment(number, "<!-- m -->", "<!-- m --> two", first.id).id != first.id


def test_reads_are_repeated_and_obey_retry_after(forge, repository):
    number = forge.file("text")
    forge.knob("faults", {"match": "GET .*/issues/", "fault": "status", "status": 429, "retry_after_s": 1, "count": 1})
    began = time.monotonic()
    assert repository.snapshot(number, LABELS).body == "text"
    assert time.monotonic() - began >= 1


def test_told_to_wait_for_long_we_come_back_later(forge, repository):
    number = forge.file("text")
    forge.knob("faults", {"match": "GET", "fault": "status", "status": 403, "retry_after_s": 3600, "count": 9})
    with pytest.raises(Unavailable, match="3600"):
        repository.snapshot(number, LABELS)


def test_a_server_that_is_away_is_unavailable():
    repository = GitHubRepository("http://127.0.0.1:9/api/v3", "acme/perception", lambda: "t")
    with pytest.raises(Unavailable, match="did not answer"):
        repository.head("main")


def test_a_wrong_token_is_refused(forge):
    with pytest.raises(RequestRefused, match="401"):
        _ = GitHubRepository(f"{forge.url}/api/v3", "acme/perception", lambda: "wrong").id


def test_a_repository_without_an_owner_is_refused_by_name():
    with pytest.raises(RequestRefused, match="owner/name"):
        GitHubRepository("http://127.0.0.1", "perception", lambda: "t")


def test_one_state_label_at_a_time_and_the_others_stay(forge, repository):
    number = forge.file("text", labels=["mlops:train", "bug"])
    repository.set_state_label(number, "mlops:running")
    repository.set_state_label(number, "mlops:running")
    repository.set_state_label(number, "mlops:deployed")
    assert forge.labels(number) == {"mlops:train", "bug", "mlops:deployed"}
    colour = next(one["color"] for one in forge.call("GET", "/labels?per_page=100") if one["name"] == "mlops:deployed")
    assert colour == STATE_LABELS["mlops:deployed"][0]
    repository.set_state_label(number, None)
    assert forge.labels(number) == {"mlops:train", "bug"}


def test_a_reaction_is_set_once(forge, repository):
    number = forge.file("text")
    comment = forge.say(number, "/help")
    repository.react(number, comment, "eyes")
    repository.react(number, comment, "eyes")
    assert forge.reactions(comment) == {"eyes"}


def test_an_issue_with_a_marker_is_opened_once(forge, repository):
    first = repository.create_issue("Drift", "text", ["bug"], "<!-- mlops-filed:1 -->")
    assert repository.create_issue("Drift", "text", ["bug"], "<!-- mlops-filed:1 -->") == first
    assert repository.create_issue("Drift", "text", ["bug"], "<!-- mlops-filed:2 -->") != first


def test_files_are_committed_together_and_read_back(repository):
    head = repository.head("main")
    commit = repository.commit("main", {"a/b.txt": b"b", "a/c.bin": b"\x00\xff"}, "Add two", head)
    assert repository.head("main") == commit
    assert repository.read_file("a/c.bin", commit) == b"\x00\xff"
    assert repository.read_file("a/b.txt", head) is None
    assert repository.list_folder("a", "main") == ["a/b.txt", "a/c.bin"]
    assert repository.list_folder("nothing", "main") == []
    assert repository.last_commit("a/b.txt", "main") == commit


def test_a_commit_on_a_branch_that_moved_is_a_conflict(repository):
    head = repository.head("main")
    repository.commit("main", {"a.txt": b"1"}, "One", head)
    with pytest.raises(Conflict):
        repository.commit("main", {"b.txt": b"2"}, "Two", head)


def test_without_graphql_files_go_through_the_contents_api(forge, repository):
    forge.knob("faults", {"match": "POST /api/graphql", "fault": "status", "status": 404, "count": 3})
    head = repository.head("main")
    repository.commit("main", {"a.txt": b"1", "b.txt": b"2"}, "Two files", head)
    assert repository.read_file("a.txt", "main") == b"1"
    assert repository.read_file("b.txt", "main") == b"2"
    with pytest.raises(Conflict):
        repository.commit("main", {"a.txt": b"3"}, "Late", head)


def test_a_folder_is_no_file(repository):
    repository.commit("main", {"a/b.txt": b"b"}, "Add", repository.head("main"))
    with pytest.raises(RequestRefused, match="folder"):
        repository.read_file("a", "main")


def test_a_large_file_is_read_whole(repository):
    content = bytes(range(256)) * 8000
    repository.commit("main", {"large.bin": content}, "Add", repository.head("main"))
    assert repository.read_file("large.bin", "main") == content


def test_threads_share_a_repository(forge, repository):
    numbers = [forge.file(f"text {n}") for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        bodies = list(pool.map(lambda number: repository.snapshot(number, LABELS).body, numbers))
    assert bodies == [f"text {n}" for n in range(6)]


@pytest.mark.parametrize(
    "value", ["a secret\r\nx: y", '{"token": "a secret', '{"other": "a secret"}', "{}", "secr\u00e9t"], ids=repr
)
def test_secret_that_holds_no_token_is_refused_without_its_text(house, value):
    house.cloud.secrets.put_secret_value(SecretId=house.settings.github_secret, SecretString=value)
    with pytest.raises(RequestRefused, match="Secret mlops/github-token holds no token") as refused:
        _ = house.repository.id
    assert "secr" not in str(refused.value).replace("Secret", "")


def test_line_end_after_the_token_is_taken_off(house):
    house.cloud.secrets.put_secret_value(SecretId=house.settings.github_secret, SecretString="twin-bot-token\n")
    assert house.repository.id == 4242
