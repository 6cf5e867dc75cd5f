"""Slack through slack_sdk."""

from __future__ import annotations

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient


@pytest.fixture
def slack(receivers) -> WebClient:
    return WebClient(token="xoxb-twin-token", base_url=f"{receivers.url}/slack/api/")


def test_message_is_posted_with_blocks_and_edited(slack, receivers):
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "*deployed*"}}
    posted = slack.chat_postMessage(channel="#mlops-alerts", text="Run done", blocks=[block])
    assert posted["message"]["blocks"] == [block]
    slack.chat_update(channel=posted["channel"], ts=posted["ts"], text="Run rolled back", blocks=[])
    (message,) = receivers.messages(channel="mlops-alerts")
    assert message["text"].startswith("Run rolled back")
    assert message["updated_at"]
    assert slack.conversations_history(channel=posted["channel"])["messages"][0]["ts"] == posted["ts"]


def test_channels_are_listed_and_the_token_known(slack):
    assert slack.auth_test()["user"] == "mlops"
    assert [channel["name"] for channel in slack.conversations_list()["channels"]] == [
        "general",
        "mlops",
        "mlops-alerts",
    ]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"channel": "C000", "text": "x"}, "channel_not_found"),
        ({"channel": "mlops"}, "no_text"),
        ({"channel": "mlops", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "mlops", "blocks": [{"type": "section", "text": {"text": "x" * 3_001}}]}, "invalid_blocks"),
    ],
)
def test_bad_message_is_refused_in_slacks_words(slack, receivers, given, error):
    with pytest.raises(SlackApiError) as refused:
        slack.chat_postMessage(**given)
    assert refused.value.response["error"] == error
    assert receivers.messages() == []


@pytest.mark.parametrize(("token", "error"), [("xoxb-other", "invalid_auth"), ("", "not_authed")])
def test_token_is_checked(receivers, token, error):
    with pytest.raises(SlackApiError) as refused:
        WebClient(token=token, base_url=f"{receivers.url}/slack/api/").auth_test()
    assert refused.value.response["error"] == error


def test_message_of_another_channel_is_not_found(slack):
    posted = slack.chat_postMessage(channel="mlops", text="x")
    with pytest.raises(SlackApiError, match="message_not_found"):
        slack.chat_update(channel="C0TWIN001", ts=posted["ts"], text="y")


def test_webhook_answers_ok_and_posts(receivers):
    answer = WebhookClient(f"{receivers.url}/slack/hook/T0/B0/secret").send(text="from a hook")
    assert (answer.status_code, answer.body) == (200, "ok")
    WebhookClient(f"{receivers.url}/slack/hook/general/x").send(text="elsewhere")
    assert [(each["channel"], each["text"]) for each in receivers.messages()] == [
        ("mlops", "from a hook"),
        ("general", "elsewhere"),
    ]


@pytest.mark.parametrize(
    ("body", "answer"), [(b"{}", "no_text"), (b"{", "invalid_payload"), (b"[]", "invalid_payload")]
)
def test_bad_webhook_payload_is_400(receivers, body, answer):
    reply = httpx.post(f"{receivers.url}/slack/hook/x", content=body, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.text) == (400, answer)


def test_rate_limit_is_429_with_retry_after(slack, receivers):
    receivers.fault(match="postMessage", fault="secondary_limit", retry_after_s=1)
    with pytest.raises(SlackApiError) as limited:
        slack.chat_postMessage(channel="mlops", text="x")
    assert (limited.value.response.status_code, limited.value.response.headers["Retry-After"]) == (429, "1")
    assert slack.chat_postMessage(channel="mlops", text="x")["ok"]
