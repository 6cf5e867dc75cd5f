"""What the twin keeps of a call: who asked IAM for which permissions."""

from __future__ import annotations

import boto3
import pytest
from aws_requests import client
from botocore.config import Config
from botocore.exceptions import ClientError

from mlops.acting import acting
from mlops.aws import Cloud
from twin.aws.asks import Place
from twin.aws.trail import Trail

ACCOUNT = "123456789012"


@pytest.fixture
def aws(server):
    """Clients that sign as a role of their own, and the calls of that role."""

    class Role:
        name = "tester"

        def __call__(self, service):
            return boto3.client(
                service, endpoint_url=server.url, region_name="us-east-1", aws_access_key_id=f"twin-{self.name}",
                aws_secret_access_key="x", config=Config(inject_host_prefix=False, s3={"addressing_style": "path"}),
            )  # fmt: skip

        def asked(self):
            entries = [each for each in server.twin.trail.entries() if each["role"] == self.name]
            return [(ask["action"], ask["resource"], ask["facts"]) for each in entries for ask in each["asks"]]

    return Role()


@pytest.fixture(autouse=True)
def own_role(aws, name):
    aws.name = name


OURS = {"aws:ResourceAccount": ACCOUNT}


def test_object_call_names_object_and_owner(aws):
    aws("s3").put_object(Bucket="bucket", Key="a/b c", Body=b"1")
    aws("s3").head_object(Bucket="bucket", Key="a/b c")
    assert aws.asked() == [
        ("s3:PutObject", "arn:aws:s3:::bucket/a/b c", OURS),
        ("s3:GetObject", "arn:aws:s3:::bucket/a/b c", OURS),
    ]


def test_missing_object_needs_the_right_to_list(aws):
    """Without s3:ListBucket S3 answers 403, not 404."""
    with pytest.raises(ClientError, match="404"):
        aws("s3").head_object(Bucket="bucket", Key="nothing")
    assert ("s3:ListBucket", "arn:aws:s3:::bucket", OURS) in aws.asked()


def test_batch_is_permitted_as_its_single_calls_are(aws, server, name):
    url = client(server, "sqs").create_queue(QueueName=name)["QueueUrl"]
    aws("sqs").send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x"}])
    assert aws.asked() == [("sqs:SendMessage", f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}", {})]


def test_job_needs_its_role_to_be_passed_and_its_tags(aws, name):
    aws("sagemaker").create_model(
        ModelName=name, ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/jobs",
        PrimaryContainer={"Image": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/serve:1"},
        Tags=[{"Key": "a", "Value": "b"}],
    )  # fmt: skip
    model = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model/{name}"
    passed = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    assert aws.asked() == [
        ("sagemaker:CreateModel", model, {}),
        ("sagemaker:AddTags", model, {}),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/jobs", passed),
    ]


def test_metric_is_told_by_its_namespace(aws):
    aws("cloudwatch").put_metric_data(Namespace="MLOps", MetricData=[{"MetricName": "m", "Value": 1}])
    assert aws.asked() == [("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "MLOps"})]


def test_secret_is_told_by_the_arn_that_aws_gave_it(aws, server, name):
    arn = client(server, "secretsmanager").create_secret(Name=name, SecretString="x")["ARN"]
    aws("secretsmanager").get_secret_value(SecretId=name)
    assert aws.asked() == [("secretsmanager:GetSecretValue", arn, {})]


def test_call_that_nobody_described_asks_for_everything(aws):
    """So that no policy of ours allows it unseen."""
    aws("ssm").describe_parameters()
    assert aws.asked() == [("ssm:DescribeParameters", "*", {})]


def test_people_are_not_recorded(server, name):
    client(server, "s3").put_object(Bucket="bucket", Key=name, Body=b"1")
    assert not [each for each in server.twin.trail.entries() if name in str(each)]


def test_agent_acts_in_its_role_and_a_session_of_the_run(server, monkeypatch, name):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "twin-mcp")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    cloud = Cloud(endpoint_url=server.url, region="us-east-1", agent_roles=f"arn:aws:iam::{ACCOUNT}:role/mlops-agent-")
    with acting("training", f"gh-{name[-6:]}"):
        cloud.s3.put_object(Bucket="bucket", Key=name, Body=b"1")
    cloud.s3.get_object(Bucket="bucket", Key=name)
    calls = {(each["role"], each["session"]) for each in server.twin.trail.entries() if f"bucket/{name}" in str(each)}
    assert calls == {("agent-training", f"gh-{name[-6:]}"), ("mcp", "")}
    assumed = [each["asks"] for each in server.twin.trail.entries() if each["operation"] == "sts:AssumeRole"]
    session = {"sts:RoleSessionName": f"gh-{name[-6:]}"}
    wanted = {"action": "sts:AssumeRole", "resource": f"arn:aws:iam::{ACCOUNT}:role/mlops-agent-training"}
    assert [{**wanted, "facts": session}] in assumed


def test_trail_survives_the_twin_and_keeps_each_call_once(tmp_path):
    def trail() -> Trail:
        return Trail(tmp_path / "trail.jsonl", Place(ACCOUNT, "us-east-1"))

    first = trail()
    for _ in range(2):
        first.invoked("AWS4-HMAC-SHA256 Credential=twin-airflow/20261126/us-east-1/sagemaker/aws4_request", "e")
    first.close()
    second = trail()
    second.invoked("AWS4-HMAC-SHA256 Credential=twin-airflow/20261126/us-east-1/sagemaker/aws4_request", "e")
    assert [each["operation"] for each in second.entries()] == ["sagemaker:InvokeEndpoint"]


def test_what_a_job_does_is_its_roles_doing(tmp_path):
    trail = Trail(tmp_path / "trail.jsonl", Place(ACCOUNT, "us-east-1"))
    trail.object("GetObject", "bucket", "key")
    with trail.acting_as(f"arn:aws:iam::{ACCOUNT}:role/mlops-jobs", "job-1"):
        trail.object("GetObject", "bucket", "key")
    assert [(each["role"], each["session"]) for each in trail.entries()] == [("jobs", "job-1")]
