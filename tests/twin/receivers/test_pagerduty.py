"""PagerDuty's Events API v2."""

from __future__ import annotations

import httpx
import pytest

EVENT = {
    "routing_key": "r" * 32,
    "event_action": "trigger",
    "dedup_key": "endpoint-a",
    "payload": {"summary": "Endpoint a is down", "source": "endpoint-a", "severity": "critical"},
}


def send(receivers, **change) -> httpx.Response:
    return httpx.post(f"{receivers.url}/pagerduty/v2/enqueue", json={**EVENT, **change})


def incidents(receivers) -> list[tuple[str, int]]:
    return [(each["state"], each["events"]) for each in httpx.get(f"{receivers.url}/pagerduty/incidents").json()]


def test_events_of_one_key_are_one_incident_until_it_is_resolved(receivers):
    assert send(receivers).json() == {"status": "success", "message": "Event processed", "dedup_key": "endpoint-a"}
    send(receivers)
    assert incidents(receivers) == [("triggered", 2)]
    send(receivers, event_action="acknowledge")
    send(receivers)
    assert incidents(receivers) == [("acknowledged", 4)]
    send(receivers, event_action="resolve")
    send(receivers)
    assert incidents(receivers) == [("resolved", 5), ("triggered", 1)]
    assert len(receivers.messages(kind="page")) == 6


def test_event_without_a_key_gets_one(receivers):
    reply = send(receivers, dedup_key=None)
    assert reply.status_code == 202
    assert len(reply.json()["dedup_key"]) == 32


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"routing_key": "r" * 33}, "routing_key"),
        ({"event_action": "shout"}, "event_action"),
        ({"event_action": "resolve", "dedup_key": ""}, "dedup_key"),
        ({"payload": {"summary": "s", "source": "x", "severity": "fatal"}}, "severity"),
        ({"payload": {"severity": "info"}}, "summary"),
        ({"payload": None}, "payload"),
    ],
)
def test_bad_event_is_400_and_names_the_field(receivers, change, word):
    reply = send(receivers, **change)
    assert reply.status_code == 400
    assert word in reply.json()["errors"][0]
    assert incidents(receivers) == []


def test_too_many_events_are_429(receivers):
    receivers.fault(match="enqueue", fault="status", status=429)
    assert send(receivers).status_code == 429
    assert send(receivers).status_code == 202
