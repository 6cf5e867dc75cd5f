"""From a labelled issue to exactly one run: what may start is decided in a pure function, then done once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops import cursor as sensor
from mlops import keys, refusals, runs
from mlops.admission import Admission, Decision, decide, may_steer
from mlops.errors import MlopsError, Unavailable
from mlops.identity import RunKey
from mlops.issues import IssueSnapshot
from mlops.memory import Memory, number_for_comment, recall, remember, with_refusal
from mlops.messages import approval_message
from mlops.notify import deliver
from mlops.record import Outcome, RunRecord, RunState, Trigger
from mlops.telemetry import tracing
from mlops.workflow import life

if TYPE_CHECKING:
    from mlops.services import Services
    from mlops.spec import RunSpec

log = logging.getLogger(__name__)


def cursor(services: Services) -> dict[str, Any]:
    """Where the sensor goes on, in its own words; empty before the first poll."""
    return sensor.read(services)


def admit(services: Services, numbers: Sequence[int], cursor: Mapping[str, Any] | None = None) -> list[Admission]:
    """Deal with each issue and with new commands on it. One that cannot be read leaves the others as they are.

    `cursor` is the sensor's, kept for its next poll.
    """
    admissions: list[Admission] = []
    for number in dict.fromkeys(numbers):
        try:
            admissions += _admit(services, number)
        except Unavailable as away:
            admissions.append(Admission(number=number, decision="failed", message=str(away), unavailable=True))
        except Exception as defect:
            log.exception("Issue %d could not be admitted", number)
            text = str(defect) if isinstance(defect, MlopsError) else type(defect).__name__
            admissions.append(Admission(number=number, decision="failed", message=text))
    if cursor:
        sensor.advance(services, cursor, admissions)
    return admissions


def _admit(services: Services, number: int) -> list[Admission]:
    from mlops import steering

    snapshot = services.repository.snapshot(number, services.settings.trigger_labels)
    memory = recall(services, number)
    decision = judge_issue(services, snapshot, memory)
    if decision.kind == "ignored":
        ignored = Admission(number=number, decision="ignored", message=decision.reason)
        # A run goes on without its label and on a closed issue: whoever may steer it is obeyed there, too.
        heard = memory.current is not None and not snapshot.is_pull_request
        return [ignored, *(steering.read_comments(services, snapshot) if heard else [])]
    if decision.kind == "refused":
        admission = _refuse(services, snapshot, memory, decision)
    elif decision.kind == "adopted":
        admission = _adopt(services, snapshot, memory, decision)
    else:
        admission = _begin(services, snapshot, decision)
    return [admission, *steering.read_comments(services, snapshot)]


def judge_issue(services: Services, snapshot: IssueSnapshot, memory: Memory) -> Decision:
    """Gather what `decide` needs, and no more: most polls find an issue that is known."""
    settings, roles, edit = services.settings, {}, None
    if snapshot.is_watched(settings.trigger_labels):
        people = {snapshot.author, snapshot.labelled.actor if snapshot.labelled else ""} - {""}
        roles = {login: services.repository.role(login) for login in people if login not in settings.allowed_actors}
        if not may_steer(snapshot.author, roles, settings):
            edit = services.repository.last_edit(snapshot.number)
    return decide(
        snapshot, roles, memory, edit, settings, services.repository.id, lambda spec: estimate(services, spec)
    )


def estimate(services: Services, spec: RunSpec) -> float:
    from mlops.costs import estimate as priced

    return priced(services.settings, spec).total_usd


def _refuse(services: Services, snapshot: IssueSnapshot, memory: Memory, decision: Decision) -> Admission:
    """One comment for each refused text, however often it is polled, and the label where no run is under way."""
    if decision.refusal not in memory.refusals:
        text = refusals.render(snapshot, decision, services.settings)
        services.repository.publish_comment(snapshot.number, refusals.marker(snapshot, decision), text)
        if not _under_way(services, memory):
            services.repository.set_state_label(snapshot.number, "mlops:refused")
        remember(services, snapshot.number, lambda known: with_refusal(known, decision.refusal))
    return Admission(number=snapshot.number, decision="refused", message=decision.reason)


def _under_way(services: Services, memory: Memory) -> bool:
    record = services.ledger.get_run(memory.current) if memory.current else None
    return record is not None and record.state is not RunState.FINISHED


def _adopt(services: Services, snapshot: IssueSnapshot, memory: Memory, decision: Decision) -> Admission:
    if waiting := _left_waiting(services, memory.current, decision):
        _return_to(services, snapshot, waiting, decision)
    record = services.ledger.get_run(decision.run_key)
    if record is not None and record.state is RunState.APPROVED:
        # Somebody died between the ledger and Airflow.
        start(services, record)
    return Admission(
        number=snapshot.number,
        decision="adopted",
        message=decision.reason,
        run_key=decision.run_key,
        revision=decision.revision,
    )


def _return_to(services: Services, snapshot: IssueSnapshot, waiting: RunRecord, decision: Decision) -> None:
    """An edit was taken back: commands are about the revision that stands again, and what waited is given up."""
    of_issue = services.ledger.list_runs(repository_id=services.repository.id, issue=snapshot.number)
    stands = next((run.run_key for run in of_issue if run.revision == decision.revision), decision.run_key)
    remember(services, snapshot.number, lambda known: known.model_copy(update={"current": stands}))
    _give_up(services, waiting, decision)
    runs.publish(services, stands)


def _begin(services: Services, snapshot: IssueSnapshot, decision: Decision) -> Admission:
    """Write the run to the ledger, then start it or ask for approval."""
    assert decision.spec is not None
    if not _unchanged(services, snapshot):
        # Nothing was written; the next look decides on what stands then.
        return Admission(number=snapshot.number, decision="ignored", message="changed while it was being read")
    awaiting = decision.kind == "awaiting_approval"
    record = _record(services, snapshot, decision, RunState.AWAITING_APPROVAL if awaiting else RunState.APPROVED)
    _keep_body(services, record.run_key, snapshot.body)
    if not services.ledger.create_run(record) and not awaiting:
        known = approve(services, record.run_key, record.actor)
        if known.state is RunState.FINISHED:
            # It was given up while it waited. What is over is not opened again: it runs as a re-run of itself.
            decision = replace(decision, run_key=_rerun_key(services, snapshot, known))
            services.ledger.create_run(record.model_copy(update={"run_key": decision.run_key, "parent": known.run_key}))
            known = services.ledger.require_run(decision.run_key)
        record = known
    before = recall(services, snapshot.number).current
    remember(services, snapshot.number, lambda known: _with_run(known, snapshot, decision))
    _supersede(services, before, decision)
    if awaiting:
        runs.publish(services, record.run_key)
        deliver(services, approval_message(services, services.ledger.require_run(record.run_key)))
    elif record.state is RunState.APPROVED:
        start(services, record)
    return Admission(
        number=snapshot.number,
        decision=decision.kind,
        message=decision.reason,
        run_key=decision.run_key,
        revision=decision.revision,
    )


def _rerun_key(services: Services, snapshot: IssueSnapshot, record: RunRecord) -> str:
    """A key that is the label event's own: asking twice for it gives the same."""
    assert snapshot.labelled is not None
    event = f"label-{snapshot.labelled.id}"

    def take(memory: Memory) -> Memory:
        return memory.model_copy(update={"reruns": {**memory.reruns, event: number_for_comment(memory.reruns, event)}})

    key = RunKey.parse(record.run_key)
    assert key is not None
    return str(replace(key, rerun=remember(services, snapshot.number, take).reruns[event]))


def _unchanged(services: Services, snapshot: IssueSnapshot) -> bool:
    """Look once more just before the start: same text, same label, still open."""
    now = services.repository.snapshot(snapshot.number, services.settings.trigger_labels)
    return (now.body_hash, now.state, now.labelled) == (snapshot.body_hash, snapshot.state, snapshot.labelled) and bool(
        set(now.labels) & set(services.settings.trigger_labels)
    )


def _record(services: Services, snapshot: IssueSnapshot, decision: Decision, state: RunState) -> RunRecord:
    from mlops.spec import canonical

    assert decision.spec is not None
    assert snapshot.labelled is not None
    return RunRecord(
        run_key=decision.run_key,
        trigger=Trigger.ISSUE,
        repository=services.settings.github_repository,
        repository_id=services.repository.id,
        issue=snapshot.number,
        revision=decision.revision,
        body_hash=snapshot.body_hash,
        actor=snapshot.labelled.actor,
        spec=canonical(decision.spec),
        state=state,
        message=decision.reason,
        created_at=services.timestamp(),
        labelled_at=snapshot.labelled.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def _keep_body(services: Services, run_key: str, body: str) -> None:
    """The raw text, as evidence; what runs is the canonical spec in the record."""
    from mlops.aws import translated

    with translated(f"keep the text of {run_key}"):
        services.cloud.s3.put_object(
            Bucket=services.settings.bucket,
            Key=keys.issue_body(run_key),
            Body=body.encode(),
            ContentType="text/markdown; charset=utf-8",
        )


def _with_run(memory: Memory, snapshot: IssueSnapshot, decision: Decision) -> Memory:
    assert snapshot.labelled is not None
    waiting = {rev: doubt for rev, doubt in memory.waiting.items() if rev != decision.revision}
    events = memory.label_events
    if decision.doubt:
        waiting[decision.revision] = decision.doubt
    if decision.doubt != "edited":
        events = {**events, str(snapshot.labelled.id): decision.revision}
    return memory.model_copy(
        update={
            "runs": {**memory.runs, decision.revision: decision.run_key},
            "label_events": events,
            "waiting": waiting,
            "current": decision.run_key,
        }
    )


def _supersede(services: Services, before: str | None, decision: Decision) -> None:
    """A run that still waits is given up when the issue comes to mean something else: an edit voids its approval."""
    if record := _left_waiting(services, before, decision):
        _give_up(services, record, decision)


def _give_up(services: Services, waiting: RunRecord, decision: Decision) -> None:
    message = f"The issue was edited before anybody approved this; revision {decision.revision} counts now."
    end_without_airflow(services, waiting.run_key, message)


def _left_waiting(services: Services, before: str | None, decision: Decision) -> RunRecord | None:
    """The run `before`, where it waits for an approval of something that the issue does not mean any more."""
    if not before or before == decision.run_key:
        return None
    record = services.ledger.get_run(before)
    if record is None or record.state is not RunState.AWAITING_APPROVAL or record.revision == decision.revision:
        return None
    return record


def end_without_airflow(services: Services, run_key: str, message: str) -> RunRecord:
    """Finish a run that never reached Airflow, or whose waiting is over."""

    def ended(record: RunRecord) -> RunRecord:
        return record.model_copy(update={"outcome": Outcome.STOPPED, "message": message, "reported_at": None})

    services.ledger.update_run(run_key, ended)
    return runs.close_run(services, run_key)


def approve(services: Services, run_key: str, actor: str) -> RunRecord:
    """From waiting to approved; a run that is further on stays where it is."""

    def approved(record: RunRecord) -> RunRecord | None:
        if record.state is not RunState.AWAITING_APPROVAL:
            return None
        return record.model_copy(update={"state": RunState.APPROVED, "message": "", "actor": actor})

    return services.ledger.update_run(run_key, approved)


def start(services: Services, record: RunRecord, *, directly: bool = False) -> RunRecord:
    """Start the DAG run named by the run key. It existing already is success; its meaning something else is not.

    Where there is a state machine, it is what starts the DAG run, unless `directly`.

    Raises:
        Unavailable: Airflow did not answer; the record stays approved, and `reconcile` or the next poll tries again.
    """
    with tracing.begun(record.run_key, "start_run", trigger=record.trigger.value, issue=record.issue):
        return _start(services, record, directly)


def _start(services: Services, record: RunRecord, directly: bool) -> RunRecord:
    from mlops.spec import RunSpec, to_parameters

    conf = to_parameters(RunSpec.model_validate(record.spec))
    try:
        if life.is_on(services) and not directly:
            life.start(services, record, conf, _note(record))
        else:
            # A run from Airflow's form has an id of Airflow's own.
            run_id = record.airflow_run_id or record.run_key
            services.airflow.create_run(runs.DAG_ID, run_id, conf, note=_note(record))
    except Unavailable:
        raise
    except MlopsError as refused:
        # A defect of ours or another run under this name: said on the issue instead of tried for ever.
        log.error("Run %s was not started: %s", record.run_key, refused)
        return _fail_to_start(services, record.run_key, str(refused))
    now = services.timestamp()

    def started(known: RunRecord) -> RunRecord | None:
        if known.state is not RunState.APPROVED:
            return None
        return known.model_copy(update={"state": RunState.STARTED, "started_at": known.started_at or now})

    services.ledger.update_run(record.run_key, started)
    return runs.publish(services, record.run_key)


def _note(record: RunRecord) -> str:
    return f"Issue {record.issue} of {record.repository}" if record.issue is not None else record.trigger.value


def _fail_to_start(services: Services, run_key: str, reason: str) -> RunRecord:
    def failed(record: RunRecord) -> RunRecord:
        return record.model_copy(update={"outcome": Outcome.FAILED, "message": f"The run was not started: {reason}"})

    services.ledger.update_run(run_key, failed)
    return runs.close_run(services, run_key)
