"""GitHub's webhook: what is let in, what it leaves in the queue."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from mlops.lambdas import webhook
from mlops.lambdas.webhook import BODY_LIMIT, Receiver

SECRET = "twin-webhook-secret"
LABELED = json.dumps(
    {"action": "labeled", "repository": {"full_name": "acme/perception"}, "issue": {"number": 7}}
).encode()


def signed(body=LABELED, secret=SECRET, event="issues", delivery="72d3162e"):
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Event": event, "X-GitHub-Delivery": delivery}


@pytest.fixture
def sent():
    return []


@pytest.fixture
def receiver(sent):
    return Receiver(lambda: SECRET, sent.append)


def test_signed_delivery_leaves_a_hint(receiver, sent):
    assert receiver.answer(signed(), LABELED) == (202, "accepted")
    assert sent == [
        {
            "delivery": "72d3162e", "event": "issues", "action": "labeled", "repository": "acme/perception", "issue": 7
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    "signature",
    [
        "", "sha256=", "sha256=" + "0" * 64, "sha1=" + "0" * 40, "é" * 71,
        "sha256=" + hmac.new(b"other", LABELED, hashlib.sha256).hexdigest(),
    ],
    ids=["none", "empty", "wrong", "the old kind", "not ASCII", "another secret"],
)  # fmt: skip
def test_delivery_that_is_not_signed_by_us_is_refused(receiver, sent, signature):
    assert receiver.answer({**signed(), "X-Hub-Signature-256": signature}, LABELED)[0] == 401
    assert sent == []


def test_no_byte_of_the_body_may_differ(receiver, sent):
    for place in range(0, len(LABELED), 7):
        changed = bytearray(LABELED)
        changed[place] ^= 1
        assert receiver.answer(signed(), bytes(changed))[0] == 401
    assert sent == []


def test_empty_secret_opens_nothing(sent):
    assert Receiver(lambda: "", sent.append).answer(signed(secret=""), LABELED)[0] == 401


def test_delivery_that_is_replayed_leaves_no_second_hint(receiver, sent):
    receiver.answer(signed(), LABELED)
    assert receiver.answer(signed(), LABELED) == (202, "known")
    assert len(sent) == 1


def test_deliveries_of_long_ago_are_forgotten(receiver, sent):
    for number in range(1100):
        receiver.answer(signed(delivery=str(number)), LABELED)
    assert len(receiver._seen) == 1000


def test_delivery_that_could_not_be_queued_is_not_taken_for_known(sent):
    troubles = [RuntimeError("SQS is away")]

    def send(hint):
        if troubles:
            raise troubles.pop()
        sent.append(hint)

    receiver = Receiver(lambda: SECRET, send)
    with pytest.raises(RuntimeError):
        receiver.answer(signed(), LABELED)
    assert receiver.answer(signed(), LABELED) == (202, "accepted")


def test_huge_body_is_refused_before_anything_is_computed():
    receiver = Receiver(lambda: pytest.fail("asked for the secret"), lambda hint: None)
    assert receiver.answer(signed(), b"x" * (BODY_LIMIT + 1))[0] == 413


@pytest.mark.parametrize("event", ["ping", "push", "repository_dispatch", "", "unheard_of"])
def test_other_events_are_ignored(receiver, sent, event):
    assert receiver.answer(signed(event=event), LABELED) == (202, "ignored")
    assert sent == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"action": "labeled"}', b"\xff"], ids=repr)
def test_signed_body_that_is_no_delivery_is_refused(receiver, sent, body):
    assert receiver.answer(signed(body), body)[0] == 400
    assert sent == []


def test_rotated_secret_is_read_anew():
    now, secrets = [0.0], ["old", "new"]
    receiver = Receiver(lambda: secrets.pop(0), lambda hint: None, clock=lambda: now[0])
    assert receiver.answer(signed(secret="old"), LABELED)[0] == 202
    now[0] = 20.0
    assert receiver.answer(signed(secret="new", delivery="2"), LABELED)[0] == 202


def test_strangers_do_not_make_us_ask_for_the_secret_each_time():
    asked = []
    receiver = Receiver(lambda: asked.append(1) or SECRET, lambda hint: None, clock=lambda: 1.0)
    for _ in range(50):
        receiver.answer(signed(secret="guess"), LABELED)
    assert len(asked) == 1


def event_of(headers, body=LABELED, encoded=False):
    text = base64.b64encode(body).decode() if encoded else body.decode()
    return {"version": "2.0", "headers": headers, "body": text, "isBase64Encoded": encoded}


@pytest.fixture
def lambda_(receiver, monkeypatch):
    monkeypatch.setattr(webhook, "receiver", lambda: receiver)
    return webhook.handler


@pytest.mark.parametrize("encoded", [False, True], ids=["plain", "base64"])
def test_api_gateways_event_is_read(lambda_, sent, encoded):
    answer = lambda_(event_of({name.lower(): value for name, value in signed().items()}, encoded=encoded), None)
    assert (answer["statusCode"], json.loads(answer["body"])) == (202, {"status": "accepted"})
    assert len(sent) == 1


def test_trouble_of_ours_is_said_without_its_text(monkeypatch, capsys):
    def trouble():
        raise RuntimeError("a secret text")

    monkeypatch.setattr(webhook, "receiver", trouble)
    assert webhook.handler(event_of(signed()), None)["statusCode"] == 503
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (line["level"], line["status"], line["error"]) == ("error", 503, "RuntimeError")
    assert "a secret text" not in str(line)


def test_refusal_of_a_stranger_is_told_and_is_no_error(lambda_, capsys):
    lambda_(event_of({}), None)
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["status"]) == ("info", 401)


def test_hint_arrives_in_the_real_queue(services, moto_url, monkeypatch):
    queue = services.cloud.sqs.create_queue(QueueName="mlops-webhooks")["QueueUrl"]
    services.cloud.secrets.create_secret(
        Name="mlops/api-keys", SecretString=json.dumps({"github_webhook_secret": SECRET})
    )
    for name, value in {
        "AWS_ENDPOINT_URL": moto_url, "AWS_DEFAULT_REGION": "us-east-1", "WEBHOOK_QUEUE_URL": queue
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    webhook.receiver.cache_clear()
    try:
        assert webhook.handler(event_of(signed()), None)["statusCode"] == 202
    finally:
        webhook.receiver.cache_clear()
    (message,) = services.cloud.sqs.receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["issue"] == 7
