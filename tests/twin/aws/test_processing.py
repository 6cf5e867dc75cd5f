"""Processing jobs over boto3."""

from __future__ import annotations

import pytest
from aws_requests import processed, processing_job
from botocore.exceptions import ClientError


def source(name, uri):
    local = f"/opt/ml/processing/input/{name}"
    s3_input = {"S3Uri": uri, "LocalPath": local, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": s3_input}


def target(name, uri):
    local = f"/opt/ml/processing/output/{name}"
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": local, "S3UploadMode": "EndOfJob"}}


def test_inputs_come_and_outputs_go_where_the_request_says(sagemaker, s3, name):
    s3.put_object(Bucket="bucket", Key="raw/deep/a.csv", Body=b"7")
    code = (
        "import os\nbase = '/opt/ml/processing'\n"
        "text = open(base + '/input/raw/deep/a.csv').read()\n"
        "os.makedirs(base + '/output/data/sub')\n"
        "open(base + '/output/data/sub/b.csv', 'w').write(text * 2)"
    )
    request = processing_job(
        name, code, ProcessingInputs=[source("raw", "s3://bucket/raw/")],
        ProcessingOutputConfig={"Outputs": [target("data", f"s3://bucket/{name}")]},
    )  # fmt: skip
    sagemaker.create_processing_job(**request)
    job = processed(sagemaker, name)
    assert job["ProcessingJobStatus"] == "Completed", job
    assert s3.get_object(Bucket="bucket", Key=f"{name}/sub/b.csv")["Body"].read() == b"77"
    for member in ("ProcessingInputs", "ProcessingResources", "AppSpecification", "Environment"):
        assert job[member] == request[member]
    assert job["ProcessingEndTime"] >= job["ProcessingStartTime"] >= job["CreationTime"]


def test_arguments_reach_the_command_with_their_paths(sagemaker, s3, name):
    code = "import sys; open(sys.argv[2], 'w').write(sys.argv[1])"
    output = "/opt/ml/processing/output/data/said"
    sagemaker.create_processing_job(
        **processing_job(
            name, code, AppSpecification={"ImageUri": "python:1", "ContainerArguments": ["prepare", output]},
            ProcessingOutputConfig={"Outputs": [target("data", f"s3://bucket/{name}")]},
        )
    )  # fmt: skip
    assert processed(sagemaker, name)["ProcessingJobStatus"] == "Completed"
    assert s3.get_object(Bucket="bucket", Key=f"{name}/said")["Body"].read() == b"prepare"


def test_failure_keeps_the_message_and_uploads_nothing(sagemaker, s3, name):
    code = (
        "import sys\nopen('/opt/ml/output/message', 'w').write('UserError: no target column')\n"
        "open('/opt/ml/processing/output/data/half', 'w').write('x')\nsys.exit(2)"
    )
    outputs = {"Outputs": [target("data", f"s3://bucket/{name}")]}
    sagemaker.create_processing_job(**processing_job(name, code, ProcessingOutputConfig=outputs))
    job = processed(sagemaker, name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["ExitMessage"] == "UserError: no target column"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 2"
    assert s3.list_objects_v2(Bucket="bucket", Prefix=name)["KeyCount"] == 0


def test_missing_input_fails_the_job(sagemaker, name):
    sagemaker.create_processing_job(**processing_job(name, ProcessingInputs=[source("raw", "s3://bucket/none/x.csv")]))
    job = processed(sagemaker, name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed")


def test_duplicate_stop_and_unknown_answer_as_aws(sagemaker, name):
    sagemaker.create_processing_job(**processing_job(name, "import time; time.sleep(60)"))
    with pytest.raises(sagemaker.exceptions.ResourceInUse):
        sagemaker.create_processing_job(**processing_job(name))
    sagemaker.stop_processing_job(ProcessingJobName=name)
    assert processed(sagemaker, name)["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="is in status Stopped"):
        sagemaker.stop_processing_job(ProcessingJobName=name)
    with pytest.raises(ClientError, match="Could not find requested job with name: nobody"):
        sagemaker.describe_processing_job(ProcessingJobName="nobody")


def test_max_runtime_stops_the_job(sagemaker, name):
    request = processing_job(name, "import time; time.sleep(60)", StoppingCondition={"MaxRuntimeInSeconds": 1})
    sagemaker.create_processing_job(**request)
    job = processed(sagemaker, name)
    assert (job["ProcessingJobStatus"], job["FailureReason"].split(":")[0]) == ("Stopped", "MaxRuntimeExceeded")


def test_path_outside_processing_is_refused(sagemaker, name):
    wrong = source("raw", "s3://bucket/raw/")
    wrong["S3Input"]["LocalPath"] = "/etc"
    with pytest.raises(ClientError, match="must begin with /opt/ml/processing"):
        sagemaker.create_processing_job(**processing_job(name, ProcessingInputs=[wrong]))


def test_list_filters_by_status(sagemaker, name):
    sagemaker.create_processing_job(**processing_job(name, "1/0"))
    processed(sagemaker, name)
    found = sagemaker.list_processing_jobs(StatusEquals="Failed", NameContains=name)["ProcessingJobSummaries"]
    assert [job["ProcessingJobName"] for job in found] == [name]
    assert sagemaker.list_processing_jobs(StatusEquals="Completed", NameContains=name)["ProcessingJobSummaries"] == []
