from __future__ import annotations

import time

import pytest

from mlops import jobs
from mlops.errors import Conflict, RequestRefused
from mlops.identity import Phase
from mlops.jobs import JobRequest

RUN = "gh-4242-7-0123456789ab"


def request(**changed) -> JobRequest:
    body = {
        "AppSpecification": {
            "ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/mlops-processing:1",
            "ContainerArguments": ["prepare"],
        },
        "RoleArn": "arn:aws:iam::123456789012:role/mlops-jobs",
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changed,
    }
    return JobRequest("processing", RUN, Phase.PREPARE, body)


def test_a_job_is_created_under_a_name_that_follows_from_the_run(services):
    handle = jobs.submit(services, request())
    assert (handle.name, handle.attempt, handle.adopted) == (f"{RUN}-prepare-t1", 1, False)
    arn = services.cloud.sagemaker.describe_processing_job(ProcessingJobName=handle.name)["ProcessingJobArn"]
    tags = {tag["Key"]: tag["Value"] for tag in services.cloud.sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    assert tags == {"mlops:config-hash": handle.config_hash, "mlops:run-key": RUN, "mlops:phase": "prepare"}


def test_submitting_again_adopts_the_job(services):
    first, again = jobs.submit(services, request()), jobs.submit(services, request())
    assert again == first.model_copy(update={"adopted": True})


def test_a_name_taken_by_another_configuration_is_a_conflict_that_names_both(services):
    first = jobs.submit(services, request())
    other = request(StoppingCondition={"MaxRuntimeInSeconds": 61})
    with pytest.raises(Conflict) as clash:
        jobs.submit(services, other)
    assert first.config_hash in str(clash.value)
    assert other.config_hash in str(clash.value)


def test_following_an_unknown_job_says_so(services):
    with pytest.raises(RequestRefused, match="no training job nothing-t1"):
        jobs.follow(services, "nothing-t1", "training")
    with pytest.raises(RequestRefused, match="not a kind of job"):
        jobs.follow(services, "nothing-t1", "dancing")


def test_log_lines_come_once_each_over_all_streams(services):
    handle = jobs.submit(services, request())
    group = "/aws/sagemaker/ProcessingJobs"
    services.cloud.logs.create_log_group(logGroupName=group)

    def write(stream: str, *lines: str, create: bool = True) -> None:
        if create:
            services.cloud.logs.create_log_stream(logGroupName=group, logStreamName=f"{handle.name}/{stream}")
        at = int(time.time() * 1000)
        events = [{"timestamp": at + n, "message": line} for n, line in enumerate(lines)]
        services.cloud.logs.put_log_events(
            logGroupName=group, logStreamName=f"{handle.name}/{stream}", logEvents=events
        )

    write("algo-1", "one", "two")
    first = jobs.follow(services, handle.name, "processing")
    assert (first.state, first.log_lines, first.poll_after_s) == ("succeeded", ["one", "two"], 0.0)
    again = jobs.follow(services, handle.name, "processing", first.log_cursor)
    assert again.log_lines == []
    write("algo-1", "three", create=False)
    write("algo-2", "uno")
    both = jobs.follow(services, handle.name, "processing", again.log_cursor)
    assert both.log_lines == ["[algo-1] three", "[algo-2] uno"]


def test_a_long_log_comes_in_bounded_pieces_and_none_is_lost(services):
    handle = jobs.submit(services, request())
    group = "/aws/sagemaker/ProcessingJobs"
    services.cloud.logs.create_log_group(logGroupName=group)
    services.cloud.logs.create_log_stream(logGroupName=group, logStreamName=f"{handle.name}/a")
    at = int(time.time() * 1000)
    services.cloud.logs.put_log_events(
        logGroupName=group,
        logStreamName=f"{handle.name}/a",
        logEvents=[{"timestamp": at + n, "message": str(n)} for n in range(1000)],
    )
    seen, cursor = [], None
    for _ in range(4):
        status = jobs.follow(services, handle.name, "processing", cursor)
        assert len(status.log_lines) <= 400
        seen += status.log_lines
        cursor = status.log_cursor
    assert seen == [str(n) for n in range(1000)]


def test_a_cursor_of_somebody_else_is_refused(services):
    handle = jobs.submit(services, request())
    with pytest.raises(RequestRefused, match="log_cursor"):
        jobs.follow(services, handle.name, "processing", "abc")


def test_stopping_a_job_that_has_ended_changes_nothing(services):
    handle = jobs.submit(services, request())
    assert jobs.stop(services, handle.name, "processing").state == "succeeded"


def test_success_is_required_of_a_job_that_was_never_started(services):
    with pytest.raises(RequestRefused, match="start it first"):
        jobs.require_success(services, "processing", RUN, Phase.PREPARE)
