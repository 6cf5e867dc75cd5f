"""Spans of a run: whose child, under which id, and never in the way."""

from __future__ import annotations

import socket
import time

import pytest
from opentelemetry import trace

from mlops.telemetry import exporting, ids, tracing
from tests.mlops.telemetry.conftest import RUN_KEY

TASK = ("task", "lifecycle.train.train_model", "1")


def hexed(number):
    return f"{number:016x}"


def test_task_that_ended_is_the_parent_of_what_was_done_in_it(seen):
    with tracing.within(tracing.below(RUN_KEY, *TASK, phase="train", agent="training")), tracing.span("call"):
        pass
    tracing.record("lifecycle.train.train_model", RUN_KEY, TASK, (), time.time() - 5, time.time())
    tracing.record("run", RUN_KEY, (), None, time.time() - 9, time.time(), outcome="deployed")
    spans = seen()
    assert (
        spans["call"]["parent_id"] == spans["lifecycle.train.train_model"]["id"] == hexed(ids.span_id(RUN_KEY, *TASK))
    )
    assert spans["lifecycle.train.train_model"]["parent_id"] == spans["run"]["id"]
    assert "parent_id" not in spans["run"]
    assert spans["call"]["annotations"] == {"run_key": RUN_KEY, "phase": "train", "agent": "training"}


def test_span_said_again_replaces_the_first(seen):
    for outcome in ("failed", "deployed"):
        tracing.record("run", RUN_KEY, (), None, 1_800_000_000, 1_800_000_010, outcome=outcome)
    assert seen()["run"]["metadata"]["default"]["outcome"] == "deployed"


def test_call_of_a_stranger_joins_the_trace_of_the_run_it_names(seen):
    with tracing.joined("start_training", RUN_KEY, "operator"):
        assert tracing.facts()["run_key"] == RUN_KEY
    assert seen()["start_training"]["parent_id"] == hexed(ids.span_id(RUN_KEY))


def test_look_of_a_stranger_leaves_no_span_and_has_the_trace_in_its_log(seen):
    with tracing.joined("get_run", RUN_KEY, recorded=False):
        assert tracing.facts()["trace_id"] == f"{ids.trace_id(RUN_KEY):032x}"
    assert seen() == {}


@pytest.mark.parametrize("given", [None, 7, ["gh-1"], "", "a b", "x" * 200], ids=repr)
def test_run_key_that_is_none_joins_nothing(given):
    with tracing.joined("tool", given):
        assert "run_key" not in tracing.facts()


def test_run_is_told_which_task_and_sensor_asked_for_it(seen):
    now = float(int(time.time()))
    poll = tracing.below("ui-0123456789ab", task="issue_intake.admit_issues", task_began=f"{now:.3f}")
    sensed = tracing.sensed("issue_intake.wait_for_issues", now - 3, now - 1)
    with tracing.within(poll), sensed, tracing.begun(RUN_KEY, "start_run", trigger="issue"):
        pass
    spans = seen()
    assert spans["start_run"]["parent_id"] == spans["issue_intake.admit_issues"]["id"]
    assert spans["issue_intake.admit_issues"]["parent_id"] == spans["issue_intake.wait_for_issues"]["id"]
    assert spans["issue_intake.wait_for_issues"]["parent_id"] == hexed(ids.span_id(RUN_KEY))
    assert spans["issue_intake.wait_for_issues"]["start_time"] == now - 3


@pytest.mark.parametrize("began", ["soon", "1e400", "-1", "nan", "1" * 40])
def test_nonsense_in_baggage_hinders_no_run(seen, began):
    message = {"baggage": f"task=a.b,task_began={began},sensor=s,sensed={began}-{began}"}
    with tracing.told_by(message), tracing.begun(RUN_KEY, "start_run"):
        pass
    assert seen()["start_run"]["parent_id"] == hexed(ids.span_id(RUN_KEY))


def test_what_is_asked_again_and_again_leaves_no_span_here_and_there(seen):
    with tracing.within(tracing.below(RUN_KEY)), tracing.span("wait"), tracing.quietly(), tracing.span("look"):
        assert tracing.carrier() == ""
    assert list(seen()) == ["wait"]


def test_what_belongs_to_no_run_is_not_recorded(recording, traces):
    with tracing.span("health"):
        pass
    recording.force_flush()
    assert traces.of_run("") == []


def test_text_of_an_error_stays_out_of_the_trace(seen):
    with pytest.raises(ValueError, match="token"), tracing.within(tracing.below(RUN_KEY)), tracing.span("call"):
        raise ValueError("token ghp_secret")
    failed = seen()["call"]
    assert failed["fault"]
    assert "secret" not in str(failed)


def test_job_goes_on_where_its_starter_stood(seen):
    with tracing.within(tracing.below(RUN_KEY, phase="train")), tracing.span("start_training"):
        variables = tracing.variables()
    with tracing.within(tracing.from_variables(variables)), tracing.span("job"):
        assert tracing.facts()["run_key"] == RUN_KEY
    spans = seen()
    assert spans["job"]["parent_id"] == spans["start_training"]["id"]
    assert all(len(value) <= 256 for value in variables.values())  # ProcessingEnvironmentValue


def test_request_at_an_endpoint_is_the_callers_child(seen):
    with tracing.within(tracing.below(RUN_KEY)), tracing.span("invoke_endpoint"):
        parent = tracing.carrier()
    tracing.observed("invocations", parent, RUN_KEY, time.time(), status=200)
    spans = seen()
    assert spans["invocations"]["parent_id"] == spans["invoke_endpoint"]["id"]
    assert spans["invocations"]["annotations"]["run_key"] == RUN_KEY


@pytest.mark.parametrize("parent", ["", "00-1-2-01", "no traceparent", f"00-{0:032x}-{0:016x}-01"])
def test_request_with_a_broken_traceparent_leaves_nothing(recording, traces, parent):
    tracing.observed("invocations", parent, RUN_KEY, time.time(), status=200)
    recording.force_flush()
    assert traces.of_run(RUN_KEY) == []


def test_without_an_address_nothing_is_carried():
    with tracing.within(tracing.below(RUN_KEY)), tracing.span("call"):
        assert (tracing.carrier(), tracing.variables()) == ("", {})
        assert trace.get_current_span().is_recording() is False
        assert tracing.facts()["trace_id"] == f"{ids.trace_id(RUN_KEY):032x}"


@pytest.fixture
def deaf():
    """Takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/traces"


def test_receiver_that_never_answers_costs_one_try(deaf, monkeypatch, caplog):
    provider = exporting.provider("mlops-test", deaf)
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("mlops"))
    spent = []
    for _ in range(3):
        tracing.record("run", RUN_KEY, (), None, 1, 2)
        began = time.monotonic()
        provider.force_flush()
        spent.append(time.monotonic() - began)
    assert spent[0] < 3 * tracing.EXPORT_S
    assert max(spent[1:]) < 0.5
    assert caplog.text.count("Traces have gaps") == 1


def test_full_queue_drops_spans_instead_of_waiting(deaf, monkeypatch):
    provider = exporting.provider("mlops-test", deaf)
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("mlops"))
    began = time.monotonic()
    for _ in range(3 * tracing._QUEUE):
        tracing.record("run", RUN_KEY, (), None, 1, 2)
    assert time.monotonic() - began < 5
