"""Work on all cores: in order, and no further ahead than memory bears."""

from __future__ import annotations

import threading

import pytest

from workloads.detection.reading import on_all_cores


def test_answers_come_in_order():
    assert list(on_all_cores(lambda number: number * number, range(100))) == [number * number for number in range(100)]


def test_few_items_are_in_flight_and_none_starts_once_nobody_asks():
    """Were all 100,000 submitted at once, all their pictures could wait in memory."""
    begun: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> int:
        with lock:
            begun.append(number)
        return number

    answers = on_all_cores(work, range(100_000))
    assert next(answers) == 0
    answers.close()
    assert len(begun) < 1000


def test_defect_of_the_work_is_raised():
    with pytest.raises(ZeroDivisionError):
        list(on_all_cores(lambda number: 1 // number, [1, 0, 2]))
