"""Training jobs over boto3: the states, the /opt/ml tree, the failures and their words."""

from __future__ import annotations

import io
import json
import tarfile
import time

import pytest
from aws_requests import channel, client, finished, training_job, wait_for
from botocore.exceptions import ClientError

TRAIN = """
import json, os
b = '/opt/ml'
rows = open(b + '/input/data/train/a.csv').read()
hp = json.load(open(b + '/input/config/hyperparameters.json'))
print('epoch=1 train:loss=0.50 validation:accuracy=0.8', flush=True)
print('epoch=2 train:loss=0.25 validation:accuracy=0.9', flush=True)
open(b + '/model/model.txt', 'w').write(rows + hp['depth'] + os.environ['SM_CHANNEL_TRAIN'][-5:])
open(b + '/output/data/curve.txt', 'w').write('curve')
"""


def test_job_trains_on_its_channel_and_leaves_model_and_output(sagemaker, s3, name):
    s3.put_object(Bucket="bucket", Key="in/train/a.csv", Body=b"1,2")
    metric = {"Name": "train:loss", "Regex": r"train:loss=([0-9.]+)"}
    request = training_job(
        name, TRAIN, InputDataConfig=[channel("train", "s3://bucket/in/train/")], HyperParameters={"depth": "4"}
    )
    request["AlgorithmSpecification"]["MetricDefinitions"] = [metric]
    sagemaker.create_training_job(**request)
    job = finished(sagemaker, name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    assert [(m["MetricName"], m["Value"]) for m in job["FinalMetricDataList"]] == [("train:loss", 0.25)]
    assert job["AlgorithmSpecification"]["MetricDefinitions"] == [metric]
    assert job["Environment"] == request["Environment"]
    bucket, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").split("/", 1)
    assert key == f"out/{name}/output/model.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())) as tar:
        assert tar.extractfile("model.txt").read() == b"1,24train"
    assert s3.head_object(Bucket=bucket, Key=f"out/{name}/output/output.tar.gz")


def test_states_take_time_and_are_seen(sagemaker, name):
    sagemaker.create_training_job(**training_job(name, "import time; time.sleep(0.3)"))
    first = sagemaker.describe_training_job(TrainingJobName=name)
    assert (first["TrainingJobStatus"], first["SecondaryStatus"]) == ("InProgress", "Starting")
    assert finished(sagemaker, name)["TrainingTimeInSeconds"] >= 1


def test_duplicate_name_is_refused_even_after_the_end(sagemaker, name):
    sagemaker.create_training_job(**training_job(name))
    finished(sagemaker, name)
    with pytest.raises(sagemaker.exceptions.ResourceInUse, match="a job with this name already exists"):
        sagemaker.create_training_job(**training_job(name))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; open('/opt/ml/output/failure','w').write('UserError: bad target'); sys.exit(2)",
         "AlgorithmError: UserError: bad target, exit code: 2"),
        ("1/0", "AlgorithmError: See job logs for more information, exit code: 1"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
         "AlgorithmError: See job logs for more information, exit code: 137"),
    ],
    ids=["failure-file", "exception", "killed"],
)  # fmt: skip
def test_failing_command_gives_failure_reason(sagemaker, name, code, reason):
    sagemaker.create_training_job(**training_job(name, code))
    job = finished(sagemaker, name)
    assert (job["TrainingJobStatus"], job["FailureReason"]) == ("Failed", reason)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("s3://bucket/nothing/", "No S3 objects found"),
        ("s3://no-such-bucket/x", "The specified bucket does not exist"),
    ],
)
def test_missing_data_fails_the_job_with_a_client_error(sagemaker, name, uri, words):
    sagemaker.create_training_job(**training_job(name, InputDataConfig=[channel("train", uri)]))
    job = finished(sagemaker, name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed")
    assert words in job["FailureReason"]


def test_unknown_image_fails_the_job(sagemaker, name):
    request = training_job(name, AlgorithmSpecification={"TrainingImage": "other:1", "TrainingInputMode": "File"})
    sagemaker.create_training_job(**request)
    assert "Cannot find repository: other" in finished(sagemaker, name)["FailureReason"]


def test_stop_ends_the_process_and_keeps_what_it_made(server, sagemaker, s3, name):
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n open('/opt/ml/model/saved','w').write('yes'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    sagemaker.create_training_job(**training_job(name, code))
    wait_for(lambda: _log_lines(server, name))
    sagemaker.stop_training_job(TrainingJobName=name)
    job = finished(sagemaker, name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    assert "Stopping" in [step["Status"] for step in job["SecondaryStatusTransitions"]]
    packed = s3.get_object(Bucket="bucket", Key=f"out/{name}/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert "saved" in tar.getnames()
    with pytest.raises(ClientError, match="is in status Stopped"):
        sagemaker.stop_training_job(TrainingJobName=name)


def _log_lines(server, name):
    logs = client(server, "logs")
    group = "/aws/sagemaker/TrainingJobs"
    try:
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/algo-1-")["logStreams"]
    except ClientError:
        return []
    return [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    ]


def test_command_that_ignores_sigterm_is_killed_with_its_children(server, sagemaker, name):
    code = (
        "import signal, subprocess, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\ntime.sleep(60)"
    )
    sagemaker.create_training_job(**training_job(name, code))
    pid = int(wait_for(lambda: _log_lines(server, name))[0])
    sagemaker.stop_training_job(TrainingJobName=name)
    assert finished(sagemaker, name)["TrainingJobStatus"] == "Stopped"
    wait_for(lambda: not _alive(pid))


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_max_runtime_stops_the_job(sagemaker, name):
    request = training_job(name, "import time; time.sleep(60)", StoppingCondition={"MaxRuntimeInSeconds": 1})
    sagemaker.create_training_job(**request)
    job = finished(sagemaker, name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_output_reaches_cloudwatch_while_the_job_runs(server, sagemaker, name):
    code = "import sys, time; print('hello', flush=True); print('trouble', file=sys.stderr, flush=True); time.sleep(30)"
    sagemaker.create_training_job(**training_job(name, code))
    assert wait_for(lambda: len(_log_lines(server, name)) == 2 and _log_lines(server, name)) == [
        "hello", "trouble",
    ]  # fmt: skip
    assert sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"] == "Training"
    sagemaker.stop_training_job(TrainingJobName=name)


def test_unknown_job_is_a_validation_error(sagemaker):
    with pytest.raises(ClientError, match="Requested resource not found") as refused:
        sagemaker.describe_training_job(TrainingJobName="nobody")
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_manifest_and_exact_object_are_downloaded(server, sagemaker, s3, name):
    s3.put_object(Bucket="bucket", Key="m/a.txt", Body=b"A")
    s3.put_object(Bucket="bucket", Key="m/b.txt", Body=b"B")
    s3.put_object(Bucket="bucket", Key="m.json", Body=json.dumps([{"prefix": "s3://bucket/m/"}, "b.txt"]).encode())
    manifest = channel("listed", "s3://bucket/m.json")
    manifest["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    code = "import os; d='/opt/ml/input/data/'; print(os.listdir(d+'listed') + os.listdir(d+'one'), flush=True)"
    channels = [manifest, channel("one", "s3://bucket/m/a.txt")]
    sagemaker.create_training_job(**training_job(name, code, InputDataConfig=channels))
    finished(sagemaker, name)
    assert _log_lines(server, name) == ["['b.txt', 'a.txt']"]


def test_checkpoints_reach_s3_while_the_job_runs_and_return_to_the_next(server, sagemaker, s3, name):
    save = "import time; open('/opt/ml/checkpoints/epoch','w').write('7'); time.sleep(30)"
    config = {"S3Uri": f"s3://bucket/ckpt/{name}"}
    sagemaker.create_training_job(**training_job(name, save, CheckpointConfig=config))
    wait_for(lambda: s3.list_objects_v2(Bucket="bucket", Prefix=f"ckpt/{name}/").get("KeyCount"))
    sagemaker.stop_training_job(TrainingJobName=name)
    load = "print('resumed at', open('/opt/ml/checkpoints/epoch').read(), flush=True)"
    sagemaker.create_training_job(**training_job(f"{name}-2", load, CheckpointConfig=config))
    finished(sagemaker, f"{name}-2")
    assert _log_lines(server, f"{name}-2") == ["resumed at 7"]


def test_list_and_search_find_jobs_by_name_and_tag(sagemaker, name):
    sagemaker.create_training_job(**training_job(name, Tags=[{"Key": "run", "Value": name}]))
    listed = sagemaker.list_training_jobs(NameContains=name)["TrainingJobSummaries"]
    assert [each["TrainingJobName"] for each in listed] == [name]
    condition = {"Name": "Tags.run", "Operator": "Equals", "Value": name}
    found = sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": [condition]})["Results"]
    assert [each["TrainingJob"]["TrainingJobName"] for each in found] == [name]
    arn = listed[0]["TrainingJobArn"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "run", "Value": name}]


def test_concurrent_creates_of_one_name_accept_exactly_one(server, sagemaker, name):
    from concurrent.futures import ThreadPoolExecutor

    def create(_: int) -> str:
        try:
            sagemaker.create_training_job(**training_job(name))
        except sagemaker.exceptions.ResourceInUse:
            return "refused"
        return "accepted"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, range(16)))
    assert sorted(set(answers)) == ["accepted", "refused"]
    assert answers.count("accepted") == 1
    assert len(server.twin.effects.list("CreateTrainingJob", name)) == 1


def test_waiter_of_boto3_is_content(sagemaker, name):
    sagemaker.create_training_job(**training_job(name))
    started = time.monotonic()
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10}
    )
    assert time.monotonic() - started < 8
