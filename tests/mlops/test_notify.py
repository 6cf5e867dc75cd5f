"""Slack, mail and PagerDuty over their own protocols, against the twin's receivers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest
from botocore.exceptions import ClientError

from mlops import notify
from mlops.notify import (
    Event,
    Message,
    Notifier,
    compose_mail,
    deliver,
    flush,
    is_open,
    page_events,
    slack_payload,
)
from mlops.settings import Settings
from tests.mlops.stand_ins import ServerThread
from tests.mlops.test_markdown import HOSTILE

CHANNELS = ["email", "pagerduty", "slack"]


def message(event: Event = Event.FAILED, **changes) -> Message:
    plain = {"event": event, "key": "gh-1-2-a", "incident": "gh-1-2-a", "title": "❌ Failed: x", "text": "No column."}
    return Message(**{**plain, **changes})


@pytest.fixture
def inbox(tmp_path) -> Iterator[SimpleNamespace]:
    """The receivers: `messages()` is what arrived, `faults(rule)` makes them refuse."""
    from twin.receivers import mail
    from twin.receivers.app import create

    app = create(tmp_path)
    with ServerThread(app) as server:
        smtp = mail.start("127.0.0.1", 0, app.store)
        try:
            yield SimpleNamespace(
                url=server.url,
                port=smtp.port,
                messages=lambda: httpx.get(f"{server.url}/messages.json").json(),
                faults=lambda rule: httpx.post(f"{server.url}/messages/faults", json=rule).raise_for_status(),
            )
        finally:
            smtp.stop()


@pytest.fixture
def told(services, inbox):
    """Services whose three channels lead to the inbox."""
    account = {"host": "127.0.0.1", "port": inbox.port, "sender": "mlops@example.invalid", "to": "ops@example.invalid"}
    secrets = {
        "mlops/slack-webhook": f"{inbox.url}/slack/hook/mlops",
        "mlops/email-smtp": json.dumps(account),
        "mlops/api-keys": json.dumps({"pagerduty_routing_key": "0123456789abcdef0123456789abcdef"}),
    }
    for name, text in secrets.items():
        services.cloud.secrets.create_secret(Name=name, SecretString=text)
    services.settings = Settings(pagerduty_url=f"{inbox.url}/pagerduty")
    return services


def test_a_failure_reaches_all_three(told, inbox):
    delivery = told.notifier.send(message(url="http://127.0.0.1:8081/acme/perception/issues/7"))
    assert (sorted(delivery.sent), delivery.failed) == (CHANNELS, {})
    assert len(inbox.messages()) == 3
    assert all("Failed: x" in json.dumps(one, ensure_ascii=False) for one in inbox.messages())


def test_good_news_pages_nobody(told, inbox):
    assert sorted(told.notifier.send(message(Event.DEPLOYED)).sent) == ["email", "slack"]


def test_a_requesters_mistake_reaches_everybody_but_the_pager(told, inbox):
    assert sorted(told.notifier.send(message(wakes=False)).sent) == ["email", "slack"]


def test_what_is_over_and_what_begins_is_one_event_each():
    told = message(event=Event.FAILED, ends=["gh-1-2-0"], url="http://x/1")
    begins = {
        "event_action": "trigger",
        "dedup_key": "gh-1-2-a",
        "payload": {
            "summary": "❌ Failed: x", "source": "gh-1-2-a", "severity": "error",
            "custom_details": {"text": "No column."},
        },
        "links": [{"href": "http://x/1", "text": "Open"}],
    }  # fmt: skip
    over = {"event_action": "resolve", "dedup_key": "gh-1-2-0"}
    assert page_events(told) == [over, begins]
    assert page_events(message(wakes=False)) == []
    assert page_events(message(Event.DEPLOYED, ends=["gh-1-2-0"])) == [over]


def test_an_incident_is_open_until_a_message_ends_it(told, inbox):
    deliver(told, message(Event.DRIFT, incident="drift-x"))
    assert is_open(told.ledger, "drift-x")
    deliver(told, message(Event.DEPLOYED, ends=["drift-x"]))
    assert not is_open(told.ledger, "drift-x")
    (incident,) = httpx.get(f"{inbox.url}/pagerduty/incidents").json()
    assert incident["state"] == "resolved"


def test_a_mistake_leaves_no_incident(told, inbox):
    deliver(told, message(wakes=False))
    assert not is_open(told.ledger, "gh-1-2-a")
    assert httpx.get(f"{inbox.url}/pagerduty/incidents").json() == []


def test_an_incident_that_could_not_be_ended_is_ended_by_the_outbox(told, inbox, monkeypatch):
    monkeypatch.setattr(notify, "_SETTLED_S", 0.0)
    deliver(told, message(key="old"))
    inbox.faults({"match": "POST /pagerduty", "fault": "status", "status": 500, "count": 3})
    assert list(deliver(told, message(Event.DEPLOYED, ends=["gh-1-2-a"])).failed) == ["pagerduty"]
    # Whoever tells it again finds no open incident any more.
    deliver(told, message(Event.DEPLOYED))
    assert [one["state"] for one in httpx.get(f"{inbox.url}/pagerduty/incidents").json()] == ["resolved"]


def test_a_channel_without_its_secret_is_off(services):
    assert services.notifier.send(message()).sent == []
    assert services.notifier.send(message()).failed == {}


def test_a_secret_that_may_not_be_read_is_a_failure_and_no_missing_channel(told, monkeypatch):
    def denied(**_):
        answer = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
        raise ClientError(answer, "GetSecretValue")

    monkeypatch.setattr(told.cloud.secrets, "get_secret_value", denied)
    assert sorted(told.notifier.send(message()).failed) == CHANNELS


def test_a_channel_that_fails_stops_no_other_and_is_tried_again_later(told, inbox, monkeypatch):
    monkeypatch.setattr(notify, "_SETTLED_S", 0.0)
    inbox.faults({"match": "SMTP", "fault": "status", "status": 451, "count": 3})
    delivery = deliver(told, message())
    assert sorted(delivery.sent) == ["pagerduty", "slack"]
    assert list(delivery.failed) == ["email"]
    assert flush(told) == 1
    assert len(inbox.messages()) == 3
    assert flush(told) == 0


def test_a_message_is_delivered_once_however_often_it_is_asked_for(told, inbox):
    for _ in range(3):
        deliver(told, message())
    assert len(inbox.messages()) == 3


def test_a_message_written_before_a_crash_is_sent_by_flush(told, inbox, monkeypatch):
    monkeypatch.setattr(notify, "_SETTLED_S", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(told.notifier, "send", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            deliver(told, message())
    assert inbox.messages() == []
    assert flush(told) == 1
    assert len(inbox.messages()) == 3


def test_alerts_of_one_incident_are_one_page(told, inbox):
    deliver(told, message(Event.DRIFT, key="check-1", incident="mlops-x"))
    deliver(told, message(Event.DRIFT, key="check-2", incident="mlops-x"))
    assert len(httpx.get(f"{inbox.url}/pagerduty/incidents").json()) == 1


def test_address_that_is_none_is_neither_told_nor_logged(told, inbox, caplog):
    told.cloud.secrets.put_secret_value(SecretId="mlops/slack-webhook", SecretString="no address: T0/B0/secret")
    delivery = told.notifier.send(message(Event.DEPLOYED))
    assert delivery.failed == {"slack": "Secret mlops/slack-webhook holds no address; put it again."}
    assert "T0/B0" not in caplog.text


def test_slack_by_token_posts_to_its_channel(told, inbox):
    options = {"token": "xoxb-twin-token", "channel": "C0TWIN003", "base_url": f"{inbox.url}/slack/api/"}
    told.cloud.secrets.put_secret_value(SecretId="mlops/slack-webhook", SecretString=json.dumps(options))
    assert "slack" in told.notifier.send(message(Event.DEPLOYED)).sent
    assert [one["channel"] for one in inbox.messages() if one["kind"] == "slack"] == ["mlops-alerts"]


def test_a_wrong_secret_is_a_failure_of_its_channel_only(told, inbox):
    told.cloud.secrets.put_secret_value(SecretId="mlops/email-smtp", SecretString="{not json")
    delivery = told.notifier.send(message())
    assert list(delivery.failed) == ["email"]
    assert sorted(delivery.sent) == ["pagerduty", "slack"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_control_neither_slack_nor_mail(text):
    hostile = message(title=text, text=text)
    shown = json.dumps(slack_payload(hostile))
    assert "<!" not in shown
    assert "<@" not in shown
    mail = compose_mail(hostile, "mlops@example.invalid", ["ops@example.invalid"])
    assert set(mail.keys()) == {
        "Subject", "From", "To", "References", "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip
    assert "\n" not in str(mail["Subject"])


def test_the_notifier_needs_nothing_until_it_sends():
    assert sorted(Notifier(Settings(), None).channels) == CHANNELS
