"""Contenders measured in turn, A B C A B C …, so that the machine's moods hit all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from benchmarks.outcome import Ratio

ROUNDS = 7


def cpu_seconds(action: Callable[[], object], at_least_s: float = 0.05) -> float:
    """CPU seconds of one call in this process; repeated until `at_least_s` have passed."""
    action()  # warm: caches, lazy imports
    calls = 0
    begun = time.process_time()
    while True:
        action()
        calls += 1
        spent = time.process_time() - begun
        if spent >= at_least_s:
            return spent / calls


def rounds(contenders: Mapping[str, Callable[[], object]], count: int = ROUNDS, at_least_s: float = 0.05
           ) -> dict[str, list[float]]:  # fmt: skip
    """{name: CPU seconds per call, one a round}."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(count):
        for name, action in contenders.items():
            seconds[name].append(cpu_seconds(action, at_least_s))
    return seconds


def ratio(what: str, peer: Sequence[float], ours: Sequence[float], aim: str = "") -> Ratio:
    """Peer over ours, pair by pair: how many times less we cost."""
    pairs = [theirs / mine for theirs, mine in zip(peer, ours, strict=True)]
    return Ratio(what, median(pairs), min(pairs), max(pairs), len(pairs), aim)
