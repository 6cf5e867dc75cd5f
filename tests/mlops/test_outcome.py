"""How a run ended, from its phases and its verdict alone."""

from __future__ import annotations

import pytest

from mlops import outcome as ending
from mlops.identity import Phase
from mlops.record import Outcome, PhaseState, RunState
from tests.mlops.records import deployed_record, judged_record, running_record

NOW = "2026-11-23T10:10:00Z"


def conclude(record, limit: int = 3):
    return ending.conclude(record, max_retrainings=limit, now=NOW)


def with_phase(record, phase: Phase, **changes):
    record.phases[phase] = record.phases[phase].model_copy(update=changes)
    return record


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        (deployed_record(), Outcome.DEPLOYED),
        (judged_record(value=0.9), Outcome.BELOW_THRESHOLD),
        (judged_record(value=0.9, retraining=2), Outcome.BELOW_THRESHOLD),
        (judged_record(value=0.9, retraining=3), Outcome.STOPPED),
        (judged_record(value=0.955), Outcome.KEPT_CHAMPION),
        (judged_record(), Outcome.FAILED),
        (running_record(), Outcome.FAILED),
        (with_phase(deployed_record(), Phase.DEPLOY, state=PhaseState.SKIPPED, handle={}), Outcome.REGISTERED),
        (with_phase(deployed_record(may_deploy=False), Phase.DEPLOY, handle={}), Outcome.REGISTERED),
        (with_phase(deployed_record(), Phase.DEPLOY, handle={"state": "skipped"}), Outcome.REGISTERED),
        (with_phase(deployed_record(), Phase.DEPLOY, handle={"state": "rolled_back"}), Outcome.FAILED),
        (with_phase(deployed_record(), Phase.DEPLOY, state=PhaseState.FAILED, message="rolled back"), Outcome.FAILED),
        (with_phase(deployed_record(), Phase.MONITOR, state=PhaseState.FAILED), Outcome.DEPLOYED),
        (with_phase(running_record(), Phase.TRAIN, state=PhaseState.FAILED, message="bad data"), Outcome.FAILED),
        (running_record(outcome=Outcome.STOPPED), Outcome.STOPPED),
    ],
    ids=["deployed", "below", "below again", "spent", "champion", "not packaged", "never judged", "no deployment asked",
         "backfill", "deployment skipped", "rolled back", "deploy failed", "watch failed", "train failed", "stopped"],
)  # fmt: skip
def test_the_outcome_follows_from_phases_and_verdict(record, outcome):
    concluded = conclude(record)
    assert concluded.outcome is outcome
    assert concluded.state is RunState.FINISHED
    assert concluded.ended_at == NOW


def test_concluding_twice_changes_nothing():
    once = conclude(judged_record(value=0.9))
    assert ending.conclude(once, max_retrainings=0, now="later") == once


def test_nothing_is_left_pending_or_running():
    record = with_phase(judged_record(value=0.9), Phase.RETRAIN, state=PhaseState.RUNNING)
    states = {phase.value: one.state.value for phase, one in conclude(record).phases.items()}
    assert states["package"] == "skipped"
    assert states["retrain"] == "succeeded"
    assert conclude(running_record()).phases[Phase.TRAIN].state is PhaseState.FAILED


def test_an_unbelievable_measurement_fails_with_its_reason():
    record = judged_record()
    record.verdict.update(decision="invalid", accepted=False, reasons=["Only 4 test rows."])
    concluded = conclude(record)
    assert concluded.outcome is Outcome.FAILED
    assert "Only 4 test rows." in concluded.message
