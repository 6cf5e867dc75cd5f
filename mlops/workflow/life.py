"""What the control plane tells the state machine about a run, and what it learns from it. Off without one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, MlopsError, PlatformFault
from mlops.identity import Phase
from mlops.record import RunRecord, RunState
from mlops.workflow.executions import ENDED_BADLY, Execution, Executions
from mlops.workflow.tokens import Tokens, Waiting
from mlops.workflow.words import STOPPED, answer_of

if TYPE_CHECKING:
    from mlops.services import Services

log = logging.getLogger(__name__)


def is_on(services: Services) -> bool:
    return bool(services.settings.workflow_arn)


def start(services: Services, record: RunRecord, conf: dict[str, Any], note: str) -> None:
    """Start the run's execution, which starts the DAG run; one of that name is adopted.

    Raises:
        Unavailable: Step Functions did not answer. RequestRefused: it refused.
    """
    if not _executions(services).start(record.run_key, conf, note):
        log.info("Execution %s exists", record.run_key)


def tell(services: Services, record: RunRecord, phases: Iterable[Phase] = tuple(Phase)) -> None:
    """Hand back what each of `phases` answers, as far as it has ended. Safe to repeat, and never a phase's trouble."""
    if not is_on(services):
        return
    for phase in phases:
        if answer := answer_of(record, phase):
            _quietly(lambda answer=answer: _tokens(services).answer(record.run_key, answer, services.timestamp()))  # type: ignore[misc]


def attempt_failed(services: Services, run_key: str, phase: Phase, fault: JobFailed) -> None:
    """A platform's fault is tried again by Airflow; the state machine, too, enters the phase again."""
    if is_on(services) and isinstance(fault, PlatformFault):
        _quietly(lambda: _tokens(services).retry(run_key, phase, str(fault)))


def stop(services: Services, run_key: str, message: str) -> None:
    """A person stopped the run: its execution ends, too."""
    if is_on(services):
        _quietly(lambda: _executions(services).stop(run_key, STOPPED, message))


def aborted(services: Services, run_key: str) -> Execution | None:
    """The run's execution where a person has stopped it."""
    found = _quietly(lambda: _executions(services).describe(run_key)) if is_on(services) else None
    return found if found and found.status == "ABORTED" else None


def follow_up(services: Services, end_run: Callable[[RunRecord, str], object]) -> list[str]:
    """For each state that waits: say again what was lost, or that its phase lives. Returns the runs ended now.

    `end_run(record, message)` ends a run whose execution a person has stopped.
    """
    ended: list[str] = []
    if not is_on(services):
        return ended
    tokens = _tokens(services)
    for waiting in tokens.all_waiting():
        try:
            record = services.ledger.get_run(waiting.run_key)
            if record is None:
                tokens.settle(waiting)
            elif answer := answer_of(record, waiting.phase):
                tokens.answer(record.run_key, answer, services.timestamp())
            elif not tokens.beat(waiting) and _ended_outside(services, tokens, waiting, record, end_run):
                ended.append(record.run_key)
        except MlopsError as error:
            log.warning("Could not follow up %s of %s: %s", waiting.phase, waiting.run_key, error)
    return ended


def _ended_outside(
    services: Services, tokens: Tokens, waiting: Waiting, record: RunRecord, end_run: Callable[[RunRecord, str], object]
) -> bool:
    """True where a person ended the execution, and so the run. One that failed by itself leaves the run to itself."""
    execution = _executions(services).describe(waiting.run_key)
    if execution is not None and execution.status == "RUNNING":
        return False  # it went on to the next attempt while we looked
    tokens.settle(waiting)
    if execution is None or record.state is RunState.FINISHED:
        return False
    if execution.status in ENDED_BADLY:
        log.warning("The execution of %s is %s: %s", waiting.run_key, execution.status, execution.cause)
    if execution.status != "ABORTED":
        return False
    end_run(record, stopped_message(execution))
    return True


def stopped_message(execution: Execution) -> str:
    return f"Its execution in Step Functions was stopped. {execution.cause}".strip()


def _quietly(act: Callable[[], Any]) -> Any:
    """A word that is lost is said again by `follow_up`; the phase has more important things to do."""
    try:
        return act()
    except MlopsError as error:
        log.warning("The state machine was not told: %s", error)
        return None


def _tokens(services: Services) -> Tokens:
    return Tokens(services.cloud, services.settings.ledger_table)


def _executions(services: Services) -> Executions:
    return Executions(services.cloud, services.settings.workflow_arn)
