"""Airflow's metadata database is new: the runs that the ledger holds are carried on in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops import report, runs
from mlops.errors import MlopsError, Unavailable
from mlops.record import RunRecord, RunState
from mlops.runs import DAG_ID, Remedy

if TYPE_CHECKING:
    from mlops.services import Services

Say = Callable[[str], None]

DAGS = ("issue_intake", DAG_ID, "monitoring", "data_arrival", "scheduled_retrain")
"""Those that must not be paused for the system to go on by itself."""
_EVERY = 10_000
_PAUSE_S = 1.0


@dataclass(frozen=True)
class Step:
    """One run and what is due for it."""

    record: RunRecord
    remedy: Remedy

    def __str__(self) -> str:
        record = self.record
        where = f"issue {record.issue}" if record.issue is not None else record.trigger.value
        phase = report.current_phase(record)
        stands = f"{record.state.value} in {phase.value}" if phase else record.state.value
        return f"{record.run_key} ({where}): {stands}; {self.remedy.value or 'nothing to do'}"


def wait_for_airflow(services: Services, say: Say, *, patience_s: float) -> list[str]:
    """Until the new Airflow answers and has parsed the DAG of runs; returns which DAGs are paused.

    Raises:
        Unavailable: it did not within `patience_s`.
    """
    deadline, told = time.monotonic() + patience_s, ""
    while True:
        try:
            if services.airflow.get_dag(DAG_ID):
                known = {name: services.airflow.get_dag(name) for name in DAGS}
                return [name for name, dag in known.items() if dag and dag.get("is_paused")]
            state = f"Airflow answers and has not parsed {DAG_ID} yet"
        except Unavailable as away:
            state = str(away)
        if time.monotonic() >= deadline:
            raise Unavailable(f"{state}; waited {patience_s:.0f} s.")
        if state != told:
            say(f"Waiting: {state}")
            told = state
        time.sleep(_PAUSE_S)


def plan(services: Services) -> list[Step]:
    """What is due for each run that is not over, oldest first. Raises Unavailable where Airflow does not answer."""
    known = services.ledger.list_runs(limit=_EVERY)
    open_runs = [record for record in known if record.state is not RunState.FINISHED or record.reported_at is None]
    return [Step(record, runs.remedy(services, record, at_once=True)) for record in reversed(open_runs)]


def recover(services: Services, steps: list[Step], say: Say) -> list[str]:
    """Do what the plan says; returns the keys of runs that could not be mended now."""
    failed = []
    for step in steps:
        if step.remedy is Remedy.NONE:
            continue
        try:
            runs.mend(services, step.record, step.remedy)
        except MlopsError as error:
            failed.append(step.record.run_key)
            say(f"FAILED {step.record.run_key}: {error}")
        else:
            say(f"done   {step.record.run_key}: {step.remedy.value}")
    return failed
