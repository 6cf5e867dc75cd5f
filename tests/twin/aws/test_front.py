"""The door: validation, unimplemented calls, faults on demand, the log of effects, kept connections."""

from __future__ import annotations

import http.client
import json
import socket

import pytest
from aws_requests import IMAGE, OPTIONS, ROLE, client, finished, training_job
from botocore.exceptions import ClientError, ConnectionClosedError

from twin.aws.listener import PortTaken
from twin.aws.options import Options
from twin.aws.server import AlreadyRunning, start


def ask(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read() or b"null")


def unvalidated(server):
    """A client that sends what it is given."""
    return client(server, "sagemaker", parameter_validation=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"TrainingJobName": "bad name"}, "at 'trainingJobName' failed to satisfy constraint: Member must satisfy"),
        ({"TrainingJobName": "x" * 64}, "Member must have length less than or equal to 63"),
        ({"RoleArn": None}, "'roleArn' failed to satisfy constraint: Member must not be null"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, "value greater than or equal to 1"),
        ({"AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "Tape"}}, "enum value set: ["),
        ({"Tags": [{"Key": "k"}]}, "Value null at 'tags.1.member.value'"),
        ({"ResourceConfig": None}, "ResourceConfig"),
    ],
    ids=["pattern", "length", "missing", "range", "enum", "nested", "service-rule"],
)
def test_request_that_breaks_the_model_is_a_validation_error(server, change, words):
    request = {key: value for key, value in training_job("valid", **change).items() if value is not None}
    with pytest.raises(ClientError) as refused:
        unvalidated(server).create_training_job(**request)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert words in error["Message"]


def test_unknown_parameter_is_refused_and_all_mistakes_are_named(server):
    body = {**training_job("ok"), "Entrypoint": ["sh"], "RoleArn": "x", "Tags": "no"}
    authorization = "AWS4-HMAC-SHA256 Credential=twin/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=a"
    headers = {"X-Amz-Target": "SageMaker.CreateTrainingJob", "Authorization": authorization}
    status, answer = ask(server, "POST", "/", body, **headers)
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert "4 validation errors detected" in answer["message"]
    assert "'entrypoint'" in answer["message"]
    assert "Value 'no' at 'tags' failed to satisfy constraint: Member must be of type list" in answer["message"]


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("sagemaker", lambda c: c.list_contexts()),
        ("sagemaker", lambda c: c.create_transform_job(
            TransformJobName="t", ModelName="m", TransformOutput={"S3OutputPath": "s3://b/o"},
            TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/i"}}},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1})),
        ("sagemaker-runtime", lambda c: c.invoke_endpoint_async(EndpointName="e", InputLocation="s3://b/k")),
        ("iam", lambda c: c.simulate_principal_policy(PolicySourceArn=ROLE, ActionNames=["s3:GetObject"])),
        ("cloudtrail", lambda c: c.lookup_events()),
        ("mwaa", lambda c: c.create_cli_token(Name="mlops")),
    ],
    ids=["json", "pretended-by-moto", "runtime", "query", "other", "unknown-service"],
)  # fmt: skip
def test_unimplemented_call_answers_501_at_once(server, service, call):
    with pytest.raises(ClientError) as refused:
        call(client(server, service))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "twin does not implement" in refused.value.response["Error"]["Message"]


def test_unknown_operation_is_refused(server):
    authorization = "AWS4-HMAC-SHA256 Credential=twin/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=a"
    status, answer = ask(server, "POST", "/", {}, **{"X-Amz-Target": "SageMaker.Nope", "Authorization": authorization})
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


def test_health_and_effects_are_json(server, sagemaker, name):
    sagemaker.create_training_job(**training_job(name))
    finished(sagemaker, name)
    assert ask(server, "GET", "/twin/health")[1]["status"] == "ok"
    _, effects = ask(server, "GET", f"/twin/effects?name={name}")
    assert [each["operation"] for each in effects] == ["CreateTrainingJob", "training-job:Completed"]
    assert ask(server, "GET", "/twin/nothing")[0] == 404


@pytest.mark.parametrize(
    ("fault", "code", "effects"),
    [("throttle", "ThrottlingException", 0), ("500", "InternalFailure", 0), ("500_after_effect", "InternalFailure", 1)],
)
def test_fault_strikes_as_often_as_asked(server, sagemaker, name, fault, code, effects):
    ask(server, "POST", "/twin/faults", {"fault": fault, "op": "CreateTrainingJob", "name": name, "count": 1})
    with pytest.raises(ClientError) as failed:
        sagemaker.create_training_job(**training_job(name))
    assert failed.value.response["Error"]["Code"] == code
    assert len(server.twin.effects.list("CreateTrainingJob", name)) == effects
    sagemaker.create_training_job(**training_job(f"{name}-2"))


def test_lost_reply_is_an_effect_without_an_answer(server, sagemaker, name):
    ask(server, "POST", "/twin/faults", [{"fault": "lost_reply", "op": "CreateTrainingJob", "name": name}])
    with pytest.raises(ConnectionClosedError):
        sagemaker.create_training_job(**training_job(name))
    assert finished(sagemaker, name)["TrainingJobStatus"] == "Completed"


def test_lost_reply_reaches_other_services_too(server, name):
    dynamodb = client(server, "dynamodb")
    dynamodb.create_table(
        TableName=name, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST",
    )  # fmt: skip
    ask(server, "POST", "/twin/faults", {"fault": "lost_reply", "op": "dynamodb:PutItem"})
    with pytest.raises(ConnectionClosedError):
        dynamodb.put_item(TableName=name, Item={"id": {"S": "1"}})
    assert dynamodb.get_item(TableName=name, Key={"id": {"S": "1"}})["Item"]


@pytest.mark.parametrize(
    ("fault", "reason"), [("job_platform_failure", "InternalServerError"), ("job_capacity", "CapacityError")]
)
@pytest.mark.parametrize("delay_s", [0, 0.1], ids=["at-once", "while-running"])
def test_job_can_die_of_the_platform(server, sagemaker, name, fault, reason, delay_s):
    ask(server, "POST", "/twin/faults", {"fault": fault, "name": name, "delay_s": delay_s})
    sagemaker.create_training_job(**training_job(name, "import time; time.sleep(30)"))
    job = finished(sagemaker, name)
    assert (job["TrainingJobStatus"], job["FailureReason"].split(":")[0]) == ("Failed", reason)


def test_fault_rules_are_checked_listed_and_cleared(server):
    assert ask(server, "POST", "/twin/faults", {"fault": "fire"})[0] == 400
    assert ask(server, "POST", "/twin/faults", {"fault": "throttle", "when": "now"})[0] == 400
    ask(server, "POST", "/twin/faults", {"fault": "throttle", "op": "Nothing"})
    assert [rule["op"] for rule in ask(server, "GET", "/twin/faults")[1]][-1] == "Nothing"
    assert ask(server, "DELETE", "/twin/faults")[1] == []
    assert ask(server, "GET", "/twin/faults")[1] == []


def test_connection_is_kept_over_requests_with_and_without_bodies(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    used = []
    for method, path, body in (
        ("GET", "/twin/health", None),
        ("PUT", "/bucket/kept", b"x" * 100_000),
        ("HEAD", "/bucket/kept", None),
        ("POST", "/twin/none", b"unread"),
        ("GET", "/bucket/kept", None),
    ):
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        used.append((answer.status, connection.sock.getsockname()[1] if connection.sock else None))
    # moto lets the unsigned write pass and refuses the unsigned read.
    assert [status for status, _ in used] == [200, 200, 403, 404, 403]
    assert len({port for _, port in used}) == 1


def test_body_in_chunks_is_read_whole(server, s3):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("PUT", "/bucket/chunked", iter([b"one", b"two"]), encode_chunked=True)
    assert connection.getresponse().status == 200
    assert s3.get_object(Bucket="bucket", Key="chunked")["Body"].read() == b"onetwo"


def test_new_job_may_not_be_visible_at_once(server, sagemaker, name):
    """Describe is eventually consistent on AWS; a client that takes "not found" for "not created" would double it."""
    ask(server, "POST", "/twin/faults", {"fault": "not_visible", "op": "DescribeTrainingJob", "name": name, "count": 2})
    sagemaker.create_training_job(**training_job(name))
    for _ in range(2):
        with pytest.raises(ClientError, match="Requested resource not found"):
            sagemaker.describe_training_job(TrainingJobName=name)
    assert sagemaker.describe_training_job(TrainingJobName=name)


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}], ids=str
)
@pytest.mark.parametrize("path", ["/", "/twin/health", "/endpoints/e/invocations"])
def test_web_pages_of_others_are_refused(server, path, headers):
    method = "POST" if "invocations" in path else "GET"
    assert ask(server, method, path, {}, **headers)[0] == 403


def test_taken_port_is_said_clearly_and_one_twin_runs_at_a_time(server, tmp_path):
    with pytest.raises(AlreadyRunning):
        start(state_dir=tmp_path)


def test_taken_port_and_foreign_host_are_refused(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        from twin.aws.listener import Listener

        with pytest.raises(PortTaken, match=f"Port {port} on 127.0.0.1 is in use"):
            Listener("127.0.0.1", port, None)
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 only"):
        start(host="0.0.0.0", state_dir=tmp_path)


def test_quota_is_enforced_per_instance_type(server, sagemaker, name, monkeypatch):
    import dataclasses

    monkeypatch.setattr(server.twin, "options", dataclasses.replace(Options(**OPTIONS), quota_training=2))
    big = {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1}
    sagemaker.create_training_job(**training_job(name, "import time; time.sleep(60)", ResourceConfig=big))
    with pytest.raises(sagemaker.exceptions.ResourceLimitExceeded, match=r"ml\.p3\.2xlarge for training job usage"):
        sagemaker.create_training_job(**training_job(f"{name}-2", ResourceConfig={**big, "InstanceCount": 1}))
    sagemaker.create_training_job(**training_job(f"{name}-3"))
    sagemaker.stop_training_job(TrainingJobName=name)
    finished(sagemaker, name)
    sagemaker.create_training_job(**training_job(f"{name}-4", ResourceConfig=big))
