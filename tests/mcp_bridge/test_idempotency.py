"""One effect for a key, whatever is lost, killed or asked twice."""

from __future__ import annotations

import threading

import pytest

from mcp_bridge import idempotency
from mlops.errors import PlatformFault, RequestRefused
from mlops.ledger import idempotency_item


def ask(services, act, *, key="k", arguments=None, agent="training", **options):
    return idempotency.once(
        services.ledger, agent, key, "start_training", arguments or {"run_key": "a"}, act, **options
    )


def test_second_call_gets_the_first_answer_and_acts_no_more(services):
    acts = []

    def act():
        acts.append(1)
        return {"n": len(acts)}

    assert ask(services, act) == ask(services, act) == {"n": 1}
    assert len(acts) == 1


def test_same_key_with_other_arguments_is_refused(services):
    ask(services, lambda: {})
    with pytest.raises(RequestRefused, match="other arguments"):
        ask(services, lambda: {}, arguments={"run_key": "b"})


def test_agents_do_not_share_keys(services):
    assert ask(services, lambda: {"n": 1}) == {"n": 1}
    assert ask(services, lambda: {"n": 2}, agent="evaluation") == {"n": 2}


def test_failure_is_not_kept(services):
    def fail():
        raise PlatformFault("capacity")

    with pytest.raises(PlatformFault):
        ask(services, fail)
    assert ask(services, lambda: {"n": 1}) == {"n": 1}


def test_concurrent_calls_share_one_effect(services):
    acts, answers, both_in = [], [], threading.Barrier(5)

    def act():
        acts.append(1)
        return {"n": len(acts)}

    def call():
        both_in.wait()
        answers.append(ask(services, act))

    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [{"n": 1}] * 5
    assert len(acts) == 1


def test_second_call_waits_for_the_first(services):
    entered, may_end = threading.Event(), threading.Event()

    def slow():
        entered.set()
        may_end.wait()
        return {"n": 1}

    answers = []
    first = threading.Thread(target=lambda: answers.append(ask(services, slow)))
    first.start()
    entered.wait()
    second = threading.Thread(target=lambda: answers.append(ask(services, lambda: {"n": 2})))
    second.start()
    may_end.set()
    first.join()
    second.join()
    assert answers == [{"n": 1}, {"n": 1}]


def test_killed_call_is_run_again_when_its_lease_is_over(services):
    """A process that was killed leaves its claim behind and never renews it."""
    key = idempotency_item("training", "k")
    claim, _ = idempotency._claim(
        services.ledger, key, "start_training", idempotency.digest(["start_training", {"run_key": "a"}]), 0.2
    )
    assert claim is not None
    assert ask(services, lambda: {"n": 2}) == {"n": 2}


def test_living_call_keeps_its_lease_by_renewing_it(services):
    entered, may_end = threading.Event(), threading.Event()

    def slow():
        entered.set()
        may_end.wait()
        return {"n": 1}

    first = threading.Thread(target=lambda: ask(services, slow, lease_s=0.3))
    first.start()
    entered.wait()
    item = services.ledger.get_item(idempotency_item("training", "k"))
    while services.ledger.get_item(item.id).version < item.version + 3:
        pass
    claim, _ = idempotency._claim(services.ledger, item.id, "start_training", item.value["asked"], 0.3)
    may_end.set()
    first.join()
    assert claim is None
