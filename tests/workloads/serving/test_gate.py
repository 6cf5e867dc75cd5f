"""Many threads before one network: no wait where it is free, batches where it is not, and nobody waits for ever."""

from __future__ import annotations

import threading
from time import monotonic

import numpy as np
import pytest

from workloads.serving.gate import Gate, Ticket, TooLate
from workloads.serving.workers import Workers


def patient():
    return Ticket(monotonic() + 20)


def feed(*values):
    return {"images": np.array(values, np.float32)}


class Held:
    """A call that doubles its images, one at a time as the test lets it."""

    def __init__(self):
        self.entered, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.batches = []

    def __call__(self, given, stop_with):
        self.batches.append(given["images"].tolist())
        self.entered.release()
        assert self.go.acquire(timeout=20)
        return given["images"] * 2


class Callers:
    """Threads that each ask once; what they got, or the exception, by value."""

    def __init__(self, gate):
        self._gate, self.got, self._threads = gate, {}, []

    def ask(self, *values, ticket=None):
        def call():
            try:
                self.got[values] = self._gate.run(feed(*values), ticket or patient()).tolist()
            except Exception as failed:
                self.got[values] = type(failed)

        before = len(self._gate._waiting)
        thread = threading.Thread(target=call)
        self._threads.append(thread)
        thread.start()
        return before

    def ask_and_wait_in_line(self, *values, ticket=None):
        before = self.ask(*values, ticket=ticket)
        while len(self._gate._waiting) <= before:
            pass

    def join(self):
        for thread in self._threads:
            thread.join(20)


def test_free_network_is_called_at_once_in_the_callers_thread():
    threads = []
    gate = Gate(lambda given, stop_with: threads.append(threading.current_thread()) or given["images"] + 1)
    assert gate.run(feed(1, 2), patient()).tolist() == [2, 3]
    assert threads == [threading.current_thread()]
    assert (gate.calls, gate.rows) == (1, 2)


def test_those_who_wait_share_a_call_and_get_their_own_rows():
    held = Held()
    gate = Gate(held, most_rows=3)
    callers = Callers(gate)
    callers.ask(1)
    assert held.entered.acquire(timeout=20)
    for values in ((2,), (3, 4), (5,)):
        callers.ask_and_wait_in_line(*values)
    for _ in range(3):
        held.go.release()
    callers.join()
    assert held.batches == [[1], [2, 3, 4], [5]]
    assert callers.got == {(1,): [2], (2,): [4], (3, 4): [6, 8], (5,): [10]}


def test_one_callers_rows_are_never_parted():
    gate = Gate(lambda given, stop_with: given["images"], most_rows=2)
    assert gate.run(feed(*range(5)), patient()).tolist() == [0, 1, 2, 3, 4]


def test_without_batches_each_waits_for_his_turn():
    held = Held()
    callers = Callers(gate := Gate(held))
    callers.ask(1)
    assert held.entered.acquire(timeout=20)
    callers.ask_and_wait_in_line(2)
    callers.ask_and_wait_in_line(3)
    for _ in range(3):
        held.go.release()
    callers.join()
    assert held.batches == [[1], [2], [3]]
    assert gate.longest_s() == 0


def test_slots_are_calls_at_the_same_time():
    held = Held()
    callers = Callers(Gate(held, slots=2))
    callers.ask(1)
    callers.ask(2)
    assert held.entered.acquire(timeout=20)
    assert held.entered.acquire(timeout=20)
    held.go.release()
    held.go.release()
    callers.join()
    assert callers.got == {(1,): [2], (2,): [4]}


def test_who_waits_too_long_leaves_and_the_next_comes_forward():
    held = Held()
    gate = Gate(held)
    callers = Callers(gate)
    callers.ask(1)
    assert held.entered.acquire(timeout=20)
    with pytest.raises(TooLate):
        gate.run(feed(2), Ticket(monotonic() + 0.01))
    assert gate.longest_s() > 0
    callers.ask_and_wait_in_line(3)
    held.go.release()
    held.go.release()
    callers.join()
    assert held.batches == [[1], [3]]


def test_where_several_wait_who_cannot_be_answered_in_time_makes_way():
    """A call takes 10 s: the first in line has 5 left, the second 20."""
    held = Held()
    callers = Callers(gate := Gate(held))
    callers.ask(1)
    assert held.entered.acquire(timeout=20)
    gate.typical_s = 10
    callers.ask_and_wait_in_line(2, ticket=Ticket(monotonic() + 5))
    callers.ask_and_wait_in_line(3)
    assert gate.expected_s() == 40  # one under way, two waiting
    gate.calls = 10**9  # what this call takes changes no mean
    held.go.release()
    held.go.release()
    callers.join()
    assert callers.got == {(1,): [2], (2,): TooLate, (3,): [6]}


def test_alone_everybody_may_try():
    """One slow moment must not close the network for good."""
    gate = Gate(lambda given, stop_with: given["images"])
    gate.typical_s = 1000
    assert gate.run(feed(1), patient()).tolist() == [1]
    assert gate.typical_s < 1


def test_result_that_nobody_wants_is_too_late():
    ticket = patient()
    gate = Gate(lambda given, stop_with: ticket.give_up() or given["images"])
    with pytest.raises(TooLate):
        gate.run(feed(1), ticket)


def test_given_up_call_is_stopped_even_if_it_is_given_up_before_it_begins():
    stopped = []
    early, late = patient(), patient()
    early.give_up()
    early.stop_with(lambda: stopped.append("early"))
    late.stop_with(lambda: stopped.append("late"))
    late.give_up()
    assert stopped == ["early", "late"]


def test_failure_reaches_everybody_in_the_batch_and_the_network_is_free_again():
    held = Held()
    gate = Gate(held, most_rows=4)
    callers = Callers(gate)
    callers.ask(1)
    assert held.entered.acquire(timeout=20)
    callers.ask_and_wait_in_line(2)
    callers.ask_and_wait_in_line(3)
    inner = held.__call__
    gate._call = lambda given, stop_with: inner(given, stop_with)[:1]  # one row for two images
    held.go.release()
    held.go.release()
    callers.join()
    assert callers.got == {(1,): [2], (2,): ValueError, (3,): ValueError}
    gate._call = lambda given, stop_with: given["images"]
    assert gate.run(feed(7), patient()).tolist() == [7]


def test_workers_end_but_do_not_wait_for_one_that_is_stuck():
    workers, stuck, done = Workers(2, "test"), threading.Event(), threading.Event()
    workers.submit(lambda: stuck.wait(20) and None)
    workers.submit(done.set)
    assert done.wait(20)
    workers.PATIENCE_S = 0.05
    begun = monotonic()
    workers.close()
    assert monotonic() - begun < 5
    assert [thread.is_alive() for thread in workers._threads].count(True) == 1
    stuck.set()
