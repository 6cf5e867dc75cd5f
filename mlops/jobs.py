"""A SageMaker job, created once and adopted ever after: by its name, and by the hash of what it was asked to do."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlops.attempts import MAX_RETRIES, Adopt, Create, GiveUp, Job, State, next_attempt, plain_reason
from mlops.aws import CLASHES, Cloud, error_code, is_ambiguous, is_missing, translated
from mlops.errors import Conflict, PlatformFault, RequestRefused, Unavailable, UserFault
from mlops.faults import classify, in_plain_words
from mlops.handles import JobStatus
from mlops.identity import Phase, digest, job_name
from mlops.job_logs import read_new_lines
from mlops.record import JobHandle
from mlops.services import Services
from mlops.telemetry import tracing

__all__ = [
    "Adopt",
    "Create",
    "GiveUp",
    "Job",
    "JobRequest",
    "config_hash",
    "create_or_adopt",
    "describe",
    "find_attempts",
    "follow",
    "handle_of",
    "next_attempt",
    "plain_reason",
    "require_success",
    "stop",
    "submit",
]

log = logging.getLogger(__name__)

Kind = Literal["processing", "training"]

HASH_TAG = "mlops:config-hash"
RUN_TAG = "mlops:run-key"

_TITLE = {"processing": "ProcessingJob", "training": "TrainingJob"}
_STATES: dict[str, State] = {
    "InProgress": "running", "Stopping": "running", "Completed": "succeeded", "Failed": "failed", "Stopped": "stopped",
}  # fmt: skip


@dataclass(frozen=True)
class JobRequest:
    """What to run. `body` is the Create call without name and tags: the same for each attempt."""

    kind: Kind
    run_key: str
    phase: Phase
    body: Mapping[str, Any]
    step: str = ""

    @property
    def config_hash(self) -> str:
        return digest([self.kind, self.body], 32)

    def name(self, attempt: int) -> str:
        return job_name(self.run_key, self.phase, attempt, self.step)


def submit(services: Services, request: JobRequest) -> JobHandle:
    """Start the job, or adopt the attempt that runs or has succeeded. Safe to repeat.

    Raises:
        UserFault: the last attempt failed by the requester's mistake; a new one would fail again.
        PlatformFault: the retries are spent.
        Conflict: the name belongs to a job that was asked something else.
        Unavailable: SageMaker is throttling, at its quota, or did not answer.
    """
    decision = next_attempt(find_attempts(services.cloud, request.kind, request.run_key, request.phase, request.step))
    match decision:
        case GiveUp(fault="user", reason=reason):
            raise UserFault(reason)
        case GiveUp(reason=reason):
            raise PlatformFault(reason)
        case Adopt(number=number):
            return _adopt(services.cloud, request, number)
        case Create(number=number):
            return create_or_adopt(services.cloud, request, number)


def find_attempts(cloud: Cloud, kind: Kind, run_key: str, phase: Phase, step: str = "") -> list[Job]:
    """Every attempt so far, in order: names are deterministic, so none can hide."""
    attempts: list[Job] = []
    for number in range(1, MAX_RETRIES + 2):
        job = describe(cloud, job_name(run_key, phase, number, step), kind)
        if job is None:
            break
        attempts.append(job)
    return attempts


def create_or_adopt(cloud: Cloud, request: JobRequest, attempt: int = 1) -> JobHandle:
    """Create the job; where the name is taken or the reply was lost, look, and adopt the job if it is ours."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    name, title = request.name(attempt), _TITLE[request.kind]
    create = getattr(cloud.sagemaker, f"create_{request.kind}_job")
    tags = {HASH_TAG: request.config_hash, RUN_TAG: request.run_key[:256], "mlops:phase": request.phase.value}
    with translated(f"create {request.kind} job {name}"):
        try:
            create(
                **{f"{title}Name": name, **_traced(request.body)},
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            if error_code(error) not in CLASHES and not is_ambiguous(error):
                raise
            log.info("Looking after %s job %s: %s", request.kind, name, error)
            return _adopt(cloud, request, attempt)
    log.info("Submitted %s", name)
    return _handle(request, attempt, adopted=False)


def _traced(body: Mapping[str, Any]) -> dict[str, Any]:
    """The job's spans go below whoever starts it. Not part of what is hashed: another caller adopts the same job."""
    return {**body, "Environment": {**body.get("Environment", {}), **tracing.variables()}}


def _adopt(cloud: Cloud, request: JobRequest, attempt: int) -> JobHandle:
    name = request.name(attempt)
    job = _describe_patiently(cloud, name, request.kind)
    if job is None:
        raise Unavailable(f"It is not known whether {request.kind} job {name} was created; try again.")
    theirs = config_hash(cloud, job)
    if theirs != request.config_hash:
        raise Conflict(
            f"{request.kind.capitalize()} job {name} exists and was asked something else: its configuration hash is "
            f"{theirs}, ours is {request.config_hash}. Nothing was started."
        )
    log.info("Adopted %s", name)
    return _handle(request, attempt, adopted=True)


def _describe_patiently(cloud: Cloud, name: str, kind: Kind) -> Job | None:
    # SageMaker may refuse a name as taken a moment before it can describe it.
    for pause_s in (0.0, 0.1, 0.4):
        time.sleep(pause_s)
        job = describe(cloud, name, kind)
        if job is not None:
            return job
    return None


def _handle(request: JobRequest, attempt: int, *, adopted: bool) -> JobHandle:
    return JobHandle(
        name=request.name(attempt),
        kind=request.kind,
        config_hash=request.config_hash,
        attempt=attempt,
        adopted=adopted,
    )


def describe(cloud: Cloud, name: str, kind: str) -> Job | None:
    """The job as it is now, or None where there is none of that name."""
    from botocore.exceptions import ClientError

    title = _title(kind)
    with translated(f"describe {kind} job {name}"):
        try:
            answer = getattr(cloud.sagemaker, f"describe_{kind}_job")(**{f"{title}Name": name})
        except ClientError as error:
            if is_missing(error):
                return None
            raise
    state = _STATES[answer[f"{title}Status"]]
    detail = str(answer.get("SecondaryStatus", answer[f"{title}Status"]))
    reason = _failure_reason(answer)
    if detail == "MaxRuntimeExceeded":
        state, reason = "failed", "MaxRuntimeExceeded: the job took longer than it is allowed; ask for less work."
    return Job(name, kind, state, detail, reason, answer)


def _failure_reason(answer: Mapping[str, Any]) -> str:
    reason, message = str(answer.get("FailureReason", "")), str(answer.get("ExitMessage", ""))
    return reason if not message or message in reason else f"{message} ({reason})" if reason else message


def _title(kind: str) -> str:
    if kind not in _TITLE:
        raise RequestRefused(f"{kind!r} is not a kind of job; choose {' or '.join(_TITLE)}.")
    return _TITLE[kind]


def follow(services: Services, name: str, kind: str, log_cursor: str | None = None) -> JobStatus:
    """State of a job and its log lines since `log_cursor`.

    Raises:
        RequestRefused: no such job, or the cursor is not one of ours.
    """
    job = _require(services, name, kind)
    lines, cursor = read_new_lines(services.cloud, kind, name, log_cursor)
    return _status(services, job, lines, cursor)


def stop(services: Services, name: str, kind: str) -> JobStatus:
    """Ask SageMaker to stop the job; a job that has ended stays as it is."""
    from botocore.exceptions import ClientError

    job = _require(services, name, kind)
    if job.state == "running":
        with translated(f"stop {kind} job {name}"):
            try:
                getattr(services.cloud.sagemaker, f"stop_{kind}_job")(**{f"{_title(kind)}Name": name})
            except ClientError as error:
                # It ended between our look and our call.
                if error_code(error) != "ValidationException":
                    raise
        log.info("Stopped %s", name)
    return _status(services, _require(services, name, kind), [], None)


def require_success(services: Services, request_kind: Kind, run_key: str, phase: Phase, step: str = "") -> Job:
    """The last attempt of a phase, which must have succeeded.

    Raises:
        Unavailable: it still runs. UserFault, PlatformFault: it failed. RequestRefused: it was never started.
    """
    attempts = find_attempts(services.cloud, request_kind, run_key, phase, step)
    if not attempts:
        raise RequestRefused(f"No {phase.value} job of run {run_key} exists; start it first.")
    last = attempts[-1]
    if last.state == "running":
        raise Unavailable(f"{last.name} still runs ({last.detail}); follow it and collect when it has ended.")
    if last.state == "succeeded":
        return last
    if last.state == "stopped":
        raise PlatformFault(f"{last.name} was stopped before it finished.")
    raise (UserFault if classify(last.failure_reason) == "user" else PlatformFault)(plain_reason(last))


def handle_of(cloud: Cloud, job: Job, attempt: int) -> JobHandle:
    """The handle of somebody else's job, to be followed but never asked anew."""
    return JobHandle(name=job.name, kind=job.kind, config_hash=config_hash(cloud, job), attempt=attempt, adopted=True)


def config_hash(cloud: Cloud, job: Job) -> str:
    """What the job's tag says it was asked to do; `missing` where it has none of ours."""
    with translated(f"read the tags of {job.name}"):
        found = cloud.sagemaker.list_tags(ResourceArn=str(job.description[f"{_title(job.kind)}Arn"]))["Tags"]
    return next((tag["Value"] for tag in found if tag["Key"] == HASH_TAG), "missing")


def _require(services: Services, name: str, kind: str) -> Job:
    job = describe(services.cloud, name, kind)
    if job is None:
        raise RequestRefused(f"There is no {kind} job {name}.")
    return job


def _status(services: Services, job: Job, lines: list[str], cursor: str | None) -> JobStatus:
    return JobStatus(
        name=job.name,
        state=job.state,
        detail=job.detail,
        failure_reason=in_plain_words(job.failure_reason),
        fault=classify(job.failure_reason)
        if job.state == "failed"
        else "platform"
        if job.state == "stopped"
        else "none",
        log_lines=lines,
        log_cursor=cursor,
        poll_after_s=services.settings.job_poll_interval_s if job.state == "running" else 0.0,
    )
