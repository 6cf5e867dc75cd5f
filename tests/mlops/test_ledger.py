from __future__ import annotations

import threading
import urllib.request

import pytest

from mlops.errors import Conflict, RequestRefused
from mlops.record import Outcome, RunRecord, RunState, Trigger


def record(key: str = "gh-1-2-0123456789ab", **fields) -> RunRecord:
    known = {"trigger": Trigger.ISSUE, "spec": {"name": "x"}, "created_at": "2026-11-23T10:00:00Z"}
    return RunRecord(run_key=key, **known, **fields)


def test_a_run_is_created_once(services):
    assert services.ledger.create_run(record()) is True
    assert services.ledger.create_run(record(actor="late")) is False
    assert services.ledger.get_run("gh-1-2-0123456789ab") == record()


def test_an_unknown_run_is_none_and_cannot_be_updated(services):
    assert services.ledger.get_run("gh-1-2-0123456789ab") is None
    with pytest.raises(RequestRefused, match="no run gh-1-2"):
        services.ledger.update_run("gh-1-2-0123456789ab", lambda run: run)


def test_updates_by_many_threads_all_count(services):
    services.ledger.create_run(record())

    def bump(run: RunRecord) -> RunRecord:
        run.retraining += 1
        return run

    threads = [threading.Thread(target=services.ledger.update_run, args=(record().run_key, bump)) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert services.ledger.get_run(record().run_key).retraining == 8


def test_an_update_that_changes_nothing_writes_nothing(services):
    services.ledger.create_run(record())
    services.ledger.update_run(record().run_key, lambda run: None)
    assert services.ledger.get_item("run#" + record().run_key).version == 1


def test_runs_are_listed_newest_first_and_by_state(services):
    services.ledger.create_run(record("gh-1-2-aaaaaaaaaaaa"))
    late = record("gh-1-2-bbbbbbbbbbbb", state=RunState.FINISHED, outcome=Outcome.FAILED, issue=2, repository_id=1)
    late.created_at = "2026-11-24T10:00:00Z"
    services.ledger.create_run(late)
    assert [run.run_key for run in services.ledger.list_runs()] == ["gh-1-2-bbbbbbbbbbbb", "gh-1-2-aaaaaaaaaaaa"]
    assert services.ledger.list_runs(state=RunState.FINISHED) == [late]
    assert services.ledger.list_runs(repository_id=1, issue=2) == [late]
    assert len(services.ledger.list_runs(limit=1)) == 1


def test_an_item_is_replaced_only_by_a_writer_who_saw_it(services):
    first = services.ledger.put_item("endpoint#e", {"token": 1})
    services.ledger.put_item("endpoint#e", {"token": 2}, first.version)
    with pytest.raises(Conflict):
        services.ledger.put_item("endpoint#e", {"token": 3}, first.version)
    with pytest.raises(Conflict):
        services.ledger.put_item("endpoint#e", {"token": 3})
    assert services.ledger.get_item("endpoint#e").value == {"token": 2}


def test_a_write_whose_reply_is_lost_is_recognised_as_our_own(services):
    """botocore sends it again and meets its own first write: that is no conflict."""
    client, sent = services.cloud.dynamodb, []

    def send_twice(request, **_):
        sent.append(request)
        first = urllib.request.Request(request.url, request.body, dict(request.headers), method="POST")
        urllib.request.urlopen(first, timeout=10).close()

    client.meta.events.register("before-send.dynamodb.PutItem", send_twice)
    try:
        assert services.ledger.put_item("idem#a#lost", {"done": True}).version == 1
    finally:
        client.meta.events.unregister("before-send.dynamodb.PutItem", send_twice)
    assert len(sent) == 1


def test_items_of_a_kind_are_listed_and_deleted(services):
    services.ledger.put_item("endpoint#b", {"n": 2})
    services.ledger.put_item("endpoint#a", {"n": 1}, keep_s=60)
    services.ledger.put_item("dataset#c", {"n": 3})
    assert [item.value["n"] for item in services.ledger.list_items("endpoint")] == [1, 2]
    services.ledger.delete_item("endpoint#a")
    assert services.ledger.get_item("endpoint#a") is None
