from __future__ import annotations

from mlops.decisions import known, once


def test_a_decision_is_taken_once_and_read_ever_after(services):
    assert known(services.ledger, "gh-1-1-a", "train") is None
    assert once(services.ledger, "gh-1-1-a", "train", lambda: {"instance": "small"}) == {"instance": "small"}
    assert once(services.ledger, "gh-1-1-a", "train", lambda: {"instance": "large"}) == {"instance": "small"}
    assert once(services.ledger, "gh-1-1-b", "train", lambda: {"instance": "large"}) == {"instance": "large"}


def test_the_first_of_two_deciders_wins(services):
    def slow() -> dict:
        once(services.ledger, "gh-1-1-a", "train", lambda: {"by": "quick"})
        return {"by": "slow"}

    assert once(services.ledger, "gh-1-1-a", "train", slow) == {"by": "quick"}
