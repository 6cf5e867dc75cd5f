"""The one comment of a run: created once by whoever comes first, and always the latest in the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from mlops import intake, living_comment, runs
from mlops.identity import Phase
from mlops.record import PhaseRecord, PhaseState
from tests.mlops.records import judged_record, put


def test_publishing_twice_writes_once(house, forge, started):
    _, run_key = started
    before = len(forge.effects("comment%"))
    runs.publish(house, run_key)
    runs.publish(house, run_key)
    assert len(forge.effects("comment%")) == before


def test_ten_publishers_at_once_make_one_comment(house, forge, started):
    number, run_key = started
    house.ledger.update_run(run_key, lambda known: known.model_copy(update={"comment_id": None}))
    house.ledger.delete_item(f"claim#comment#{run_key}")
    forge.call("DELETE", f"/issues/comments/{forge.call('GET', f'/issues/{number}/comments')[0]['id']}")
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: runs.publish(house, run_key), range(10)))
    assert len(forge.comments(number)) == 1


def test_the_last_publisher_shows_the_latest_record(house, forge, started):
    number, run_key = started

    def step(turn):
        message = f"step {turn}"

        def note(known):
            phases = {**known.phases, list(Phase)[turn]: PhaseRecord(state=PhaseState.SUCCEEDED, message=message)}
            return known.model_copy(update={"phases": phases})

        house.ledger.update_run(run_key, note)
        runs.publish(house, run_key)

    with ThreadPoolExecutor(7) as pool:
        list(pool.map(step, range(7)))
    runs.publish(house, run_key)
    assert all(f"step {turn} " in forge.comments(number)[0] for turn in range(7))


def test_a_publisher_that_died_is_replaced(house, forge, started, monkeypatch):
    number, run_key = started
    house.ledger.update_run(run_key, lambda known: known.model_copy(update={"comment_id": None}))
    runs.publish(house, run_key)
    assert house.ledger.require_run(run_key).comment_id is None
    monkeypatch.setattr(living_comment, "_CLAIM_S", 0.0)
    assert runs.publish(house, run_key).comment_id
    assert len(forge.comments(number)) == 1


def test_an_older_run_does_not_speak_for_a_newer_one(house, forge, started):
    number, run_key = started
    put(house, run_key, judged_record(value=0.9))
    runs.close_run(house, run_key)
    forge.say(number, "/retrain\nn_estimators: 80")
    intake.admit(house, [number])
    runs.publish(house, run_key)
    assert forge.labels(number) == {"mlops:train", "mlops:running"}
