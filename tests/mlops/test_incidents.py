"""Who is woken, and when it is over: told from records alone."""

from __future__ import annotations

import pytest

from mlops.identity import Phase
from mlops.incidents import ended_by, opens_incident
from mlops.record import Outcome, PhaseRecord, PhaseState, RunRecord, RunState
from tests.mlops.records import RUN_KEY, deployed_record, judged_record, running_record

PREPARED = running_record().phases[Phase.PREPARE]


def failed(phase: Phase | None, fault: str = "platform", at: str = "10:00", **changes) -> RunRecord:
    """A run of issue 7 that failed in `phase`; the phases before it succeeded."""
    record = running_record(
        run_key=f"{RUN_KEY}-{at}", created_at=f"2026-11-23T{at}:00Z", state=RunState.FINISHED, outcome=Outcome.FAILED,
        phases={one: PhaseRecord() for one in Phase},
    )  # fmt: skip
    for one in list(Phase)[: list(Phase).index(phase)] if phase else []:
        record.phases[one] = PREPARED
    if phase:
        record.phases[phase] = PhaseRecord(state=PhaseState.FAILED, fault=fault, message="No.")
    return record.model_copy(update=changes)


def passed(at: str, outcome: Outcome = Outcome.DEPLOYED, **changes) -> RunRecord:
    record = deployed_record() if outcome is Outcome.DEPLOYED else judged_record(value=0.9)
    key = {"run_key": f"{RUN_KEY}-{at}", "created_at": f"2026-11-23T{at}:00Z", "outcome": outcome}
    return record.model_copy(update={**key, **changes})


@pytest.mark.parametrize(
    ("record", "woken"),
    [
        (failed(Phase.PREPARE, "user"), False),
        (failed(Phase.TRAIN, "platform"), True),
        (failed(Phase.TRAIN, ""), True),
        (failed(None), True),
        (passed("10:00"), False),
        (passed("10:00", Outcome.BELOW_THRESHOLD), False),
        (failed(Phase.TRAIN, "platform", outcome=Outcome.STOPPED), False),
    ],
    ids=["requester", "platform", "nobody said", "not started", "deployed", "below threshold", "stopped by a person"],
)
def test_people_are_woken_for_faults_of_the_platform(record, woken):
    assert opens_incident(record) is woken


OLD, OLDER = failed(Phase.TRAIN, at="10:00"), failed(Phase.DEPLOY, at="09:00")


@pytest.mark.parametrize(
    ("record", "earlier", "ends"),
    [
        (passed("11:00"), [OLD, OLDER], [OLDER.run_key, OLD.run_key]),
        (passed("11:00", Outcome.BELOW_THRESHOLD), [OLD, OLDER], [OLD.run_key]),
        (passed("11:00"), [failed(Phase.TRAIN, "user")], []),
        (passed("11:00"), [OLD, passed("10:30")], []),
        (passed("11:00"), [failed(Phase.TRAIN, at="12:00")], []),
        (failed(Phase.TRAIN, at="11:00"), [OLD], []),
        (failed(Phase.TRAIN, "user", at="11:00"), [failed(None)], [failed(None).run_key]),
        (passed("11:00", issue=8), [OLD], [OLD.run_key]),
        (passed("11:00", issue=8, spec={"name": "other"}), [OLD], []),
        (passed("11:00", issue=None, spec={"name": "other"}), [failed(Phase.TRAIN, issue=None)], []),
    ],
    ids=[
        "all it got past", "not what it did not reach", "a mistake opened none", "a run between has ended it",
        "later ones", "it failed there too", "runs start again", "another issue of the model", "other work",
        "other work without an issue",
    ],
)  # fmt: skip
def test_a_run_that_gets_past_a_fault_ends_its_incident(record, earlier, ends):
    assert ended_by(record, [*earlier, record]) == ends
