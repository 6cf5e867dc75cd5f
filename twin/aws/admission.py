"""Who may become a job, who may stop: unique names, quotas, and what AWS answers otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twin.aws import tags
from twin.aws.jobs import JobRun
from twin.aws.store import Document
from twin.aws.twin import Twin
from twin.aws.wire import AwsError, invalid

RUNNING = {"InProgress", "Stopping"}
_NAME = {"training-job": "TrainingJobName", "processing-job": "ProcessingJobName"}
_CREATE = {"training-job": "CreateTrainingJob", "processing-job": "CreateProcessingJob"}
_STOP = {"training-job": "StopTrainingJob", "processing-job": "StopProcessingJob"}


def create(twin: Twin, run: type[JobRun], record: Document, request_tags: Sequence[dict[str, str]], quota: int) -> str:
    """Accept a job: the name is unique for ever, the quota holds, and the record is on disk. Returns the ARN."""
    name = record[_NAME[run.kind]]
    arn = twin.options.arn(run.kind, name)
    with twin.store.lock:
        if twin.store.get(run.kind, name):
            raise AwsError(
                "ResourceInUse",
                "Job name must be unique within an AWS account and region, "
                f"and a job with this name already exists ({arn})",
            )
        _check_quota(twin, run, record, quota)
        twin.store.insert(run.kind, name, record)
        if request_tags:
            tags.put(twin, arn, list(request_tags))
    twin.effects.record(_CREATE[run.kind], name)
    run(twin, name).start()
    return arn


def instances(record: Document) -> tuple[str, int]:
    """Instance type and how many of them a job asks for."""
    cluster = record.get("ProcessingResources", {}).get("ClusterConfig") or record.get("ResourceConfig", {})
    return cluster.get("InstanceType", ""), cluster.get("InstanceCount", 1)


def _check_quota(twin: Twin, run: type[JobRun], record: Document, quota: int) -> None:
    kind, wanted = instances(record)
    running = twin.store.all(run.kind, lambda other: other[run.status] in RUNNING)
    used = sum(count for other_kind, count in map(instances, running) if other_kind == kind)
    if used + wanted > quota:
        usage = run.kind.replace("-", " ")
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{kind} for {usage} usage' is {quota} Instances, with current "
            f"utilization of {used} Instances and a request delta of {wanted} Instances. "
            "Please use AWS Service Quotas to request an increase for this quota.",
        )


def request_stop(twin: Twin, run: type[JobRun], name: str, missing: str, stopping: Callable[[Document], None]) -> None:
    """Stop a running job; the record says `Stopping` at once. Raises what AWS answers for a finished or unknown one."""
    with twin.store.lock:
        record = twin.store.get(run.kind, name)
        if record is None:
            raise invalid(missing)
        if record[run.status] not in RUNNING:
            spoken = run.kind.replace("-", " ")
            raise invalid(f"The request was rejected because the {spoken} is in status {record[run.status]}.")
        record[run.status] = "Stopping"
        stopping(record)
        twin.store.put(run.kind, name, record)
    twin.effects.record(_STOP[run.kind], name)
    if job := twin.jobs.get((run.kind, name)):
        job.stop()


def fail_orphans(twin: Twin, run: type[JobRun]) -> None:
    """Jobs that were running when the twin ended: lost as with their instance."""
    for record in twin.store.all(run.kind, lambda record: record[run.status] in RUNNING):
        run(twin, record[_NAME[run.kind]]).cut_off()
