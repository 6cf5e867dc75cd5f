"""What survives: a graceful stop, and kill -9 in the middle of work."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import zipfile
from contextlib import contextmanager

import pytest
from aws_requests import OPTIONS, ROLE, SERVE, client, finished, training_job, wait_for
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from twin.aws.options import Options
from twin.aws.seed import seed
from twin.aws.server import start


@contextmanager
def twin(folder, **changes):
    with start(state_dir=folder, options=Options(**{**OPTIONS, **changes})) as server:
        yield server


RUN = """
import sys, threading
from twin.aws.options import Options
from twin.aws.server import start
sys.path.insert(0, 'tests/twin/aws')
from aws_requests import OPTIONS
server = start(state_dir=sys.argv[1], options=Options(**{**OPTIONS, 'snapshot_s': float(sys.argv[2])}))
print(server.url, flush=True)
threading.Event().wait()
"""


class Separate:
    """A twin in a process of its own, to be killed."""

    def __init__(self, folder, snapshot_s=0.1):
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(folder), str(snapshot_s)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def test_graceful_restart_keeps_every_service(tmp_path):
    with twin(tmp_path) as first:
        seed(first.url, {"mlops/api-keys": {"mcp_signing_key": "k"}})
        client(first, "s3").put_object(Bucket="mlops-bucket", Key="a", Body=b"one", Metadata={"x": "y"})
        client(first, "s3").put_object(Bucket="mlops-bucket", Key="a", Body=b"two")
        client(first, "s3").put_object_tagging(
            Bucket="mlops-bucket", Key="a", Tagging={"TagSet": [{"Key": "t", "Value": "v"}]}
        )
        client(first, "ssm").put_parameter(Name="/p", Value="v", Type="String")
        key = client(first, "kms").create_key()["KeyMetadata"]["KeyId"]
        client(first, "logs").create_log_group(logGroupName="/g")
        client(first, "events").put_rule(Name="r", ScheduleExpression="rate(1 hour)")
    with twin(tmp_path) as second:
        s3 = client(second, "s3")
        versions = s3.list_object_versions(Bucket="mlops-bucket", Prefix="a")["Versions"]
        ids = [each["VersionId"] for each in versions]
        bodies = [s3.get_object(Bucket="mlops-bucket", Key="a", VersionId=id_)["Body"].read() for id_ in ids]
        assert bodies == [b"two", b"one"]
        assert [each["IsLatest"] for each in versions] == [True, False]
        assert s3.get_object_tagging(Bucket="mlops-bucket", Key="a")["TagSet"] == [{"Key": "t", "Value": "v"}]
        assert s3.get_bucket_versioning(Bucket="mlops-bucket")["Status"] == "Enabled"
        secret = client(second, "secretsmanager").get_secret_value(SecretId="mlops/api-keys")
        assert secret["SecretString"] == '{"mcp_signing_key": "k"}'
        assert client(second, "ssm").get_parameter(Name="/p")["Parameter"]["Value"] == "v"
        assert client(second, "kms").describe_key(KeyId=key)["KeyMetadata"]["KeyId"] == key
        assert client(second, "logs").describe_log_groups(logGroupNamePrefix="/g")["logGroups"]
        assert client(second, "events").describe_rule(Name="r")["ScheduleExpression"] == "rate(1 hour)"
        assert client(second, "iam").get_role(RoleName="mlops-jobs")
        seed(second.url, {"mlops/api-keys": {"mcp_signing_key": "k"}})  # adopts what exists


def test_queue_and_its_messages_survive(tmp_path):
    with twin(tmp_path) as first:
        queue = client(first, "sqs").create_queue(QueueName="q")["QueueUrl"]
        client(first, "sqs").send_message(QueueUrl=queue, MessageBody="hello")
    with twin(tmp_path) as second:
        sqs = client(second, "sqs")
        received = sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName="q")["QueueUrl"])
        assert [message["Body"] for message in received["Messages"]] == ["hello"]


@pytest.mark.parametrize("snapshot_s", [0.05, 3600.0], ids=["with-snapshots", "journal-only"])
def test_acknowledged_writes_survive_kill_9(tmp_path, snapshot_s):
    """Every write that was answered with success is there afterwards, and the condition holds still."""
    first = Separate(tmp_path, snapshot_s)
    seed(first.url)
    dynamodb, s3 = client(first, "dynamodb"), client(first, "s3")
    for n in range(60):
        dynamodb.put_item(
            TableName="mlops-ledger", Item={"id": {"S": f"run#{n}"}}, ConditionExpression="attribute_not_exists(id)"
        )
        s3.put_object(Bucket="mlops-bucket", Key=f"k{n}", Body=str(n).encode())
    dynamodb.update_item(
        TableName="mlops-ledger", Key={"id": {"S": "run#0"}}, UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )  # fmt: skip
    s3.delete_object(Bucket="mlops-bucket", Key="k0")
    first.kill()
    with twin(tmp_path) as second:
        dynamodb, s3 = client(second, "dynamodb"), client(second, "s3")
        found = {item["id"]["S"]: item for item in dynamodb.scan(TableName="mlops-ledger")["Items"]}
        assert sorted(found) == sorted(f"run#{n}" for n in range(60))
        assert found["run#0"]["n"] == {"N": "1"}
        with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
            dynamodb.put_item(
                TableName="mlops-ledger", Item={"id": {"S": "run#7"}}, ConditionExpression="attribute_not_exists(id)"
            )
        keys = {each["Key"] for each in s3.list_objects_v2(Bucket="mlops-bucket")["Contents"]}
        assert keys == {f"k{n}" for n in range(1, 60)}
        assert s3.get_object(Bucket="mlops-bucket", Key="k7")["Body"].read() == b"7"


def test_killed_twin_leaves_no_process_fails_its_jobs_and_serves_again(tmp_path):
    first = Separate(tmp_path)
    client(first, "s3").create_bucket(Bucket="bucket")
    sagemaker = client(first, "sagemaker")
    sagemaker.create_model(
        ModelName="m", PrimaryContainer={"Image": SERVE, "Environment": {"NAME": "m"}}, ExecutionRoleArn=ROLE
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="c",
        ProductionVariants=[
            {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        ],
    )
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    wait_for(lambda: sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService")
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} ')\ntime.sleep(60)"
    )
    sagemaker.create_training_job(**training_job("running", code))
    pids = wait_for(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().split())
    first.kill()
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
    with twin(tmp_path) as second:
        job = finished(client(second, "sagemaker"), "running")
        assert job["TrainingJobStatus"] == "Failed"
        assert job["FailureReason"].startswith("InternalServerError")
        with pytest.raises(ClientError, match="already exists"):
            client(second, "sagemaker").create_training_job(**training_job("running"))
        answer = client(second, "sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=b"hi")
        assert answer["Body"].read() == b"m:hi"
        operations = [effect["operation"] for effect in second.twin.effects.list(name="running")]
        assert operations == ["CreateTrainingJob", "training-job:Failed"]


def test_graceful_stop_ends_jobs_as_a_platform_fault_later(tmp_path):
    with twin(tmp_path) as first:
        client(first, "s3").create_bucket(Bucket="bucket")
        client(first, "sagemaker").create_training_job(**training_job("running", "import time; time.sleep(60)"))
    with pytest.raises((EndpointConnectionError, ConnectionClosedError)):
        client(first, "sagemaker").list_training_jobs()
    with twin(tmp_path) as second:
        job = finished(client(second, "sagemaker"), "running")
        assert job["FailureReason"].startswith("InternalServerError")


def test_new_folder_starts_empty_in_the_same_process(tmp_path):
    with twin(tmp_path / "one") as first:
        client(first, "s3").create_bucket(Bucket="bucket")
    with twin(tmp_path / "two") as second:
        assert client(second, "s3").list_buckets()["Buckets"] == []


def test_functions_certificates_and_doors_outlive_the_twin(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("handler.py", "")
    with twin(tmp_path) as first:
        trust = '{"Version": "2012-10-17", "Statement": []}'
        role = client(first, "iam").create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        client(first, "lambda").create_function(
            FunctionName="f", Role=role, Runtime="python3.12", Handler="a.h", Code={"ZipFile": content.getvalue()}
        )
        client(first, "apigatewayv2").create_api(Name="webhook", ProtocolType="HTTP")
        vpc = client(first, "ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        client(first, "elbv2").create_target_group(Name="mcp", Protocol="HTTP", Port=80, VpcId=vpc)
        client(first, "acm").request_certificate(DomainName="mcp.example.com", ValidationMethod="DNS")
    with twin(tmp_path) as second:
        found = client(second, "lambda").get_function(FunctionName="arn:aws:lambda:us-east-1:123456789012:function:f")
        assert found["Configuration"]["Handler"] == "a.h"
        assert client(second, "apigatewayv2").get_apis()["Items"][0]["Name"] == "webhook"
        assert client(second, "elbv2").describe_target_groups()["TargetGroups"][0]["TargetGroupName"] == "mcp"
        certificates = client(second, "acm").list_certificates()["CertificateSummaryList"]
        assert [each["DomainName"] for each in certificates] == ["mcp.example.com"]
