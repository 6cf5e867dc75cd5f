"""What changed among the issues, against the emulator of GitHub's API."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hooks.github_issues import GitHubRefused, IssuePoll, Later, asked_pause, fair_pause
from triggers.issues import IssueTrigger

REPOSITORY = "acme/perception"
LABELS = ("mlops:train", "mlops")


class Clock:
    """The emulator's time, moved by the test."""

    def __init__(self):
        self.now = datetime(2026, 11, 23, 10, tzinfo=UTC)

    def __call__(self):
        return self.now

    def pass_(self, **span):
        self.now += timedelta(**span)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def github(tmp_path, clock, serve):
    from twin.github import app

    return serve(app.create(tmp_path, clock=clock)).url


def signed_in(github, token):
    headers = {"authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"{github}/api/v3/repos/{REPOSITORY}/", headers=headers, timeout=10)


@pytest.fixture
def people(github):
    with signed_in(github, "twin-octocat-token") as client:
        yield client


@pytest.fixture
def bot(github):
    """Ourselves."""
    with signed_in(github, "twin-bot-token") as client:
        yield client


def file(people, *labels, title="t"):
    return people.post("issues", json={"title": title, "body": "b", "labels": list(labels)}).json()["number"]


class Polling:
    """One IssuePoll over the emulator, with every request it made."""

    def __init__(self, github, **options):
        self.github, self.options, self.replies = github, options, []
        self.poll = None

    def look(self, times=1):
        async def inner():
            async def note(reply):
                self.replies.append(reply)

            headers = {"authorization": "Bearer twin-bot-token"}
            async with httpx.AsyncClient(
                base_url=f"{self.github}/api/v3/", headers=headers, event_hooks={"response": [note]}
            ) as http:
                if self.poll is None:
                    self.poll = IssuePoll(http, REPOSITORY, **{"labels": LABELS, **self.options})
                self.poll.http = http
                for _ in range(times):
                    found = await self.poll.look()
                return found

        return asyncio.run(inner())


@pytest.fixture
def polling(github):
    return Polling(github)


def test_labelled_issues_are_found_once_each(polling, people):
    numbers = [file(people, "mlops:train"), file(people, "mlops"), file(people, *LABELS)]
    file(people, "bug")
    file(people)
    assert polling.look() == numbers
    assert polling.look() == []


def test_comment_label_and_edit_are_noticed(polling, people, clock):
    number = file(people, "mlops:train")
    polling.look()
    for change in (
        lambda: people.post(f"issues/{number}/comments", json={"body": "/approve"}),
        lambda: people.patch(f"issues/{number}", json={"body": "other"}),
        lambda: people.post(f"issues/{number}/labels", json={"labels": ["mlops"]}),
    ):
        clock.pass_(seconds=5)
        assert change().is_success
        assert polling.look() == [number]
        assert polling.look() == []


def test_unchanged_lists_cost_no_budget(polling, people):
    file(people, "mlops:train")
    polling.look(times=3)
    assert [reply.status_code for reply in polling.replies[-2:]] == [304, 304]


def test_newcomer_behind_an_unchanged_first_page_is_found(polling, people, clock, monkeypatch):
    from hooks import github_issues

    monkeypatch.setattr(github_issues, "PAGE", 2)
    numbers = []
    for _ in range(5):
        clock.pass_(seconds=1)
        numbers.append(file(people, "mlops:train"))
    assert polling.look() == numbers
    clock.pass_(seconds=1)
    newcomer = file(people, "mlops:train")
    assert polling.look() == [newcomer]


def test_many_issues_come_in_batches_and_none_is_lost(github, people, clock):
    numbers = []
    for _ in range(7):
        clock.pass_(minutes=7)
        numbers.append(file(people, "mlops:train"))
    polling = Polling(github, batch=3)
    assert [polling.look() for _ in range(4)] == [numbers[:3], numbers[3:6], numbers[6:], []]


def test_cursor_forgets_what_lies_behind_it(polling, people, clock):
    file(people, "mlops:train")
    polling.look()
    clock.pass_(hours=1)
    second = file(people, "mlops:train")
    assert polling.look() == [second]
    assert list(polling.poll.cursor["seen"]) == [str(second)]
    assert polling.poll.cursor["since"] == "2026-11-23T10:50:00Z"


ISSUE = {
    "updated_at": "2026-11-23T10:00:00Z", "title": "t", "body": None, "state": "open", "comments": 0, "labels": [],
}  # fmt: skip


def test_our_own_reports_and_labels_wake_nobody(polling, people, bot, clock):
    number = file(people, "mlops:train")
    polling.look()
    for path, body in (("comments", {"body": "report"}), ("labels", {"labels": ["mlops:running"]})):
        clock.pass_(seconds=5)
        assert bot.post(f"issues/{number}/{path}", json=body).is_success
        assert polling.look() == []
    clock.pass_(seconds=5)
    people.post(f"issues/{number}/comments", json={"body": "/retrain"})
    assert polling.look() == [number]


def test_comment_within_the_second_of_our_own_report_is_noticed(polling, people, bot, clock):
    """GitHub's times are whole seconds: nothing in them tells the two apart."""
    number = file(people, "mlops:train")
    polling.look()
    clock.pass_(seconds=5)
    report = bot.post(f"issues/{number}/comments", json={"body": "running"}).json()
    clock.pass_(seconds=5)
    bot.patch(report["url"], json={"body": "your turn"})
    assert polling.look() == []
    people.post(f"issues/{number}/comments", json={"body": "/retrain"})
    assert polling.look() == [number]
    people.post(f"issues/{number}/comments", json={"body": "/stop"})
    assert polling.look() == [number]
    assert polling.look() == []


def test_comment_is_not_hidden_by_our_report_of_the_next_second(polling, people, bot, clock):
    number = file(people, "mlops:train")
    polling.look()
    clock.pass_(seconds=5)
    report = bot.post(f"issues/{number}/comments", json={"body": "running"}).json()
    assert polling.look() == []
    people.post(f"issues/{number}/comments", json={"body": "/stop"})
    clock.pass_(seconds=1)
    bot.patch(report["url"], json={"body": "still running"})
    assert polling.look() == [number]
    clock.pass_(seconds=1)
    bot.patch(report["url"], json={"body": "stopped"})
    assert polling.look() == []


def test_label_that_was_taken_off_and_set_again_is_noticed(polling, people, clock):
    number = file(people, "mlops:train")
    polling.look()
    clock.pass_(seconds=5)
    people.delete(f"issues/{number}/labels/mlops:train")
    people.post(f"issues/{number}/labels", json={"labels": ["mlops:train"]})
    assert polling.look() == [number]


WITHDRAWN = {
    "label removed": lambda people, number: people.delete(f"issues/{number}/labels/mlops:train"),
    "closed": lambda people, number: people.patch(f"issues/{number}", json={"state": "closed"}),
}


@pytest.fixture(params=WITHDRAWN, ids=lambda how: how)
def withdrawn(request, polling, people, clock):
    """An issue that was handed on and then lost its label, or was closed."""
    number = file(people, "mlops:train")
    polling.look()
    clock.pass_(minutes=1)
    WITHDRAWN[request.param](people, number)
    polling.look(times=2)
    clock.pass_(minutes=1)
    return number


def say(client, number, body):
    assert client.post(f"issues/{number}/comments", json={"body": body}).is_success


def test_a_command_is_found_whatever_the_labels_and_the_state_of_its_issue(polling, people, clock, withdrawn):
    for command in ("/stop", "/Rerun"):
        say(people, withdrawn, command)
        assert polling.look() == [withdrawn]
        assert polling.look() == []
        clock.pass_(hours=1)


def test_talk_code_and_our_own_words_on_such_an_issue_wake_nobody(polling, people, bot, withdrawn):
    for body in ("please do not /stop it", "```\nTraceback\n```", "> /stop"):
        say(people, withdrawn, body)
    say(bot, withdrawn, "<!-- mlops-reply:1 -->\n\n/stop")
    assert polling.look() == []


def test_commands_cost_one_request_a_look_and_no_budget_while_nobody_speaks(polling, people, withdrawn):
    polling.replies.clear()
    polling.look(times=3)
    assert [reply.status_code for reply in polling.replies] == [304] * 9
    assert sum(reply.url.path.endswith("/issues/comments") for reply in polling.replies) == 3


def test_a_command_is_handed_on_by_a_sensor_that_goes_on_from_the_cursor(github, polling, people, withdrawn):
    say(people, withdrawn, "/stop")
    cursor = json.loads(json.dumps(polling.poll.cursor))
    after = Polling(github)
    after.poll = IssuePoll.from_cursor(None, REPOSITORY, LABELS, cursor, 25)
    assert after.look() == [withdrawn]
    again = Polling(github)
    again.poll = IssuePoll.from_cursor(None, REPOSITORY, LABELS, after.poll.cursor, 25)
    assert again.look() == []


def test_a_cursor_of_an_older_version_hears_commands_from_where_it_stands(github, polling, people, withdrawn):
    say(people, withdrawn, "/stop")
    older = {name: polling.poll.cursor[name] for name in ("since", "seen")}
    after = Polling(github)
    after.poll = IssuePoll.from_cursor(None, REPOSITORY, LABELS, older, 25)
    assert after.look() == [withdrawn]


def test_a_command_on_a_pull_request_is_none(polling):
    about = {"issue_url": "http://github/issues/3", "updated_at": "2026-11-23T10:00:00Z", "body": "/stop", "id": 1}
    comments = [{**about, "html_url": "http://github/acme/pull/pull/3#issuecomment-1"}]
    assert _hearing(comments) == []
    comments = [{**about, "html_url": "http://github/acme/pull/issues/3#issuecomment-1"}]
    assert _hearing(comments) == [3]


def _hearing(comments):
    def answer(request):
        return httpx.Response(200, json=comments if request.url.path.endswith("comments") else [])

    return asyncio.run(_canned(answer, since="2026-11-23T09:00:00Z", comments_since="2026-11-23T09:00:00Z"))


def test_commands_on_many_issues_come_in_batches_and_none_is_lost(github, people, clock):
    numbers = [file(people, "mlops:train") for _ in range(5)]
    polling = Polling(github, batch=2)
    for _ in range(4):
        polling.look()
    for number in numbers:
        clock.pass_(minutes=7)
        people.patch(f"issues/{number}", json={"state": "closed"})
        say(people, number, "/stop")
    assert [polling.look() for _ in range(4)] == [numbers[:2], numbers[2:4], numbers[4:], []]


@pytest.mark.parametrize("apart_s", [0, 1], ids=["of one second", "one a second"])
def test_a_command_behind_pages_of_talk_is_found(polling, people, clock, withdrawn, monkeypatch, apart_s):
    from hooks import github_issues

    monkeypatch.setattr(github_issues, "PAGE", 2)
    for _ in range(5):
        clock.pass_(seconds=apart_s)
        say(people, withdrawn, "talk")
    clock.pass_(seconds=1)
    say(people, withdrawn, "/stop")
    assert polling.look() == [withdrawn]
    assert polling.look() == []


def test_what_was_listed_before_github_failed_is_listed_again():
    """An unchanged list answers 304, which would hide what nobody was told of."""
    issues, failing = [{"number": 2, **ISSUE}], [True]

    def answer(request):
        if request.url.params.get("labels") == "mlops" and failing:
            failing.clear()
            return httpx.Response(502)
        if request.url.params.get("labels") == "mlops:train" and "if-none-match" not in request.headers:
            return httpx.Response(200, json=issues, headers={"etag": '"a"'})
        return httpx.Response(304 if "if-none-match" in request.headers else 200, json=[])

    async def inner():
        async with httpx.AsyncClient(base_url="http://github/", transport=httpx.MockTransport(answer)) as http:
            poll = IssuePoll(http, REPOSITORY, LABELS)
            with pytest.raises(Later):
                await poll.look()
            return await poll.look()

    assert asyncio.run(inner()) == [2]


def test_pull_requests_are_no_issues():
    issues = [
        {"number": 1, **ISSUE, "pull_request": {}},
        {"number": 2, **ISSUE},
    ]
    assert asyncio.run(_canned(lambda _: httpx.Response(200, json=issues))) == [2]


async def _canned(answer, **options):
    async with httpx.AsyncClient(base_url="http://github/", transport=httpx.MockTransport(answer)) as http:
        return await IssuePoll(http, REPOSITORY, ("mlops",), **options).look()


DATE = "Mon, 23 Nov 2026 10:00:00 GMT"
RESET = str(int(datetime(2026, 11, 23, 10, 30, tzinfo=UTC).timestamp()))


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        pytest.param(429, {"retry-after": "17"}, 17, id="secondary limit"),
        pytest.param(403, {"retry-after": "60"}, 60, id="secondary limit, old status"),
        pytest.param(
            403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET, "date": DATE}, 1801, id="hour spent"
        ),
        pytest.param(429, {"retry-after": "Mon, 23 Nov 2026 10:00:17 GMT", "date": DATE}, 17, id="a proxy's date"),
        pytest.param(429, {"retry-after": "soon"}, 60, id="neither seconds nor date"),
        pytest.param(429, {}, 60, id="no hint"),
        pytest.param(502, {}, 10, id="server trouble"),
    ],
)
def test_pause_is_the_one_github_asks_for_by_its_own_clock(status, headers, seconds):
    with pytest.raises(Later) as later:
        asyncio.run(_canned(lambda _: httpx.Response(status, headers=headers)))
    assert later.value.seconds == seconds


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refusal_is_not_repeated(status):
    with pytest.raises(GitHubRefused, match=str(status)):
        asyncio.run(_canned(lambda _: httpx.Response(status, json={"message": "no"})))


def test_refusal_is_no_limit():
    assert asked_pause(httpx.Response(403, json={"message": "Resource not accessible"})) is None


def test_scarce_budget_slows_polling_down():
    """1800 s to the reset, 1100 requests left of which 1000 are for others: one in 18 s."""
    headers = {
        "x-ratelimit-limit": "5000", "x-ratelimit-remaining": "1100", "x-ratelimit-reset": RESET, "date": DATE
    }  # fmt: skip
    assert fair_pause(httpx.Response(200, headers=headers)) == 18.0


def first_event(trigger):
    async def inner():
        async for event in trigger.run():
            return event.payload

    return asyncio.run(inner())


@pytest.fixture
def connection(github, monkeypatch):
    value = {"conn_type": "github", "host": f"{github}/api/v3", "password": "twin-bot-token"}
    monkeypatch.setenv("AIRFLOW_CONN_GITHUB_DEFAULT", json.dumps(value))


def trigger(cursor=None, repository=REPOSITORY):
    return IssueTrigger(repository, LABELS, cursor, interval_s=0.01)


def test_trigger_fires_with_numbers_and_the_next_cursor(connection, people):
    number = file(people, "mlops:train")
    event = first_event(trigger())
    assert event["numbers"] == [number]
    clock_stands_still = event["cursor"]
    second = file(people, "mlops:train")
    assert first_event(trigger(clock_stands_still))["numbers"] == [second]


def test_trigger_tells_what_github_refuses(connection):
    assert "404" in first_event(trigger(repository="acme/nowhere"))["error"]


def test_token_that_is_none_is_told_without_its_text(github, monkeypatch):
    value = {"conn_type": "github", "host": f"{github}/api/v3", "password": "twin-bot\r\ntoken"}
    monkeypatch.setenv("AIRFLOW_CONN_GITHUB_DEFAULT", json.dumps(value))
    error = first_event(trigger())["error"]
    assert "connection github_default" in error
    assert "twin-bot" not in error


def test_stored_trigger_is_the_same_and_holds_no_token(connection):
    path, kwargs = trigger({"since": "2026-11-23T10:00:00Z", "seen": {}}).serialize()
    assert path == "triggers.issues.IssueTrigger"
    assert "twin-bot-token" not in json.dumps(kwargs)
    assert IssueTrigger(**kwargs).serialize() == (path, kwargs)
