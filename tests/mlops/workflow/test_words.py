"""When a phase has said its last word, and what it is."""

from __future__ import annotations

import pytest

from mlops.identity import Phase
from mlops.record import Outcome, PhaseState, RunState
from mlops.workflow.words import answer_of
from tests.mlops.records import running_record

ACCEPTED = {"accepted": True, "decision": "deploy"}


def record_with(phase, phase_state, **changes):
    record = running_record(**changes)
    record.phases[phase].state = phase_state
    return record


@pytest.mark.parametrize(
    ("phase", "state", "changes"),
    [
        (Phase.TRAIN, PhaseState.RUNNING, {}),
        (Phase.TRAIN, PhaseState.FAILED, {}),
        (Phase.VALIDATE, PhaseState.SUCCEEDED, {}),
        (Phase.RETRAIN, PhaseState.SUCCEEDED, {"verdict": ACCEPTED}),
    ],
    ids=["it runs", "another attempt may follow", "the judge has not spoken", "the run is not closed"],
)
def test_phase_that_may_still_change_its_mind_says_nothing(phase, state, changes):
    assert answer_of(record_with(phase, state, **changes), phase) is None


@pytest.mark.parametrize(
    ("verdict", "following"),
    [(ACCEPTED, "package"), ({"accepted": False, "decision": "below_threshold"}, "retrain")],
    ids=["accepted", "below threshold"],
)
def test_verdict_names_the_way(verdict, following):
    answer = answer_of(record_with(Phase.VALIDATE, PhaseState.SUCCEEDED, verdict=verdict), Phase.VALIDATE)
    assert answer is not None
    assert answer.next == following
    assert answer.result["verdict"] == verdict


def test_failure_is_final_when_the_run_is_over():
    record = record_with(Phase.TRAIN, PhaseState.FAILED, state=RunState.FINISHED, outcome=Outcome.FAILED)
    answer = answer_of(record, Phase.TRAIN)
    assert answer is not None
    assert answer.failed


def test_last_phase_tells_how_the_run_ended():
    record = record_with(
        Phase.RETRAIN, PhaseState.SUCCEEDED,
        state=RunState.FINISHED, outcome=Outcome.DEPLOYED, history_path="training_history/2026/x.md",
    )  # fmt: skip
    answer = answer_of(record, Phase.RETRAIN)
    assert answer is not None
    assert (answer.next, answer.result["outcome"]) == ("", "deployed")
