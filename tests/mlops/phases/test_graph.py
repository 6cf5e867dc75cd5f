"""The graph of the phases."""

from __future__ import annotations

from mlops.identity import Phase
from mlops.phases.graph import EDGES, FIRST, FOLLOWERS, LAST


def test_every_phase_is_in_the_graph_in_order():
    assert list(FOLLOWERS) == list(Phase)
    assert [FIRST, LAST] == [Phase.PREPARE, Phase.RETRAIN]


def test_no_way_leads_back():
    order = list(Phase)
    assert all(order.index(phase) < order.index(follower) for phase, follower in EDGES)


def test_every_phase_but_the_last_goes_on():
    assert [phase for phase, followers in FOLLOWERS.items() if not followers] == [LAST]
