"""What is looked at after an apply: every type has a check, and a check finds what is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from twin.infra.checks import CHECKS, Account, Wrong
from twin.infra.checks.looking import refuses_without_tls
from twin.infra.table import lines, look
from twin.infra.terraform import Resource
from twin.layout import PROJECT


class InMemory(Account):
    """The same clients, on moto in this process."""

    def __call__(self, service: str, region: str = ""):
        return boto3.client(
            service, region_name=region or "us-east-1", aws_access_key_id="twin", aws_secret_access_key="twin"
        )


@pytest.fixture
def account():
    with mock_aws():
        yield InMemory("")


def test_no_type_of_resource_is_left_out():
    declared = {
        kind
        for path in (PROJECT / "terraform").glob("*.tf")
        for kind in re.findall(r'^resource "(\w+)"', path.read_text(), re.MULTILINE)
    }
    assert declared - CHECKS.keys() == set()
    assert CHECKS.keys() - declared == set()


def test_type_without_a_check_is_a_finding(account):
    found = look(Resource("module.mlops.aws_new.this", "aws_new", {}), account)
    assert not found.fine
    assert list(lines([found]))[-1] == "  NOT AS MEANT aws_new.this: nobody looks at resources of this type"


def test_bucket_that_is_not_there_is_a_finding(account):
    found = look(Resource("aws_s3_bucket.this", "aws_s3_bucket", {"bucket": "mlops-bucket"}), account)
    assert not found.fine
    assert "404" in found.words


def test_versions_that_are_not_kept_are_a_finding(account):
    resource = Resource("aws_s3_bucket_versioning.this", "aws_s3_bucket_versioning", {"bucket": "bucket"})
    account("s3").create_bucket(Bucket="bucket")
    assert look(resource, account).words == "versioning is None, not 'Enabled'"
    account("s3").put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    assert look(resource, account).fine


def test_secret_that_is_never_renewed_is_a_finding(account):
    name = account("secretsmanager").create_secret(Name="mlops/github-token", SecretString="x")["ARN"]
    resource = Resource("rotation", "aws_secretsmanager_secret_rotation", {"secret_id": name})
    assert "rotation is" in look(resource, account).words


@pytest.mark.parametrize(
    ("statement", "admits"),
    [
        ({"Effect": "Deny", "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}, False),
        ({"Effect": "Deny", "Principal": "*"}, True),
        ({"Effect": "Allow", "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}, True),
        ({"Effect": "Deny", "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
    ],
    ids=["denied", "no-condition", "allowed", "turned-round"],
)
def test_policy_without_tls_only_is_found(statement, admits):
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    if not admits:
        refuses_without_tls(policy, "it")
        return
    with pytest.raises(Wrong, match="it admits calls without TLS"):
        refuses_without_tls(policy, "it")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ({"Action": "*", "Resource": "arn:aws:s3:::b"}, "allows every action"),
        ({"Action": ["s3:*"], "Resource": "arn:aws:s3:::b"}, "allows every action"),
        ({"Action": "iam:PassRole", "Resource": "*"}, "gives any role to anybody"),
        ({"Action": "iam:PassRole", "Resource": "arn:aws:iam::1:role/r"}, "gives any role to anybody"),
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::${name}/*"}, "a name was not filled in"),
    ],
    ids=["everything", "a-service", "any-role", "to-any-service", "not-filled-in"],
)
def test_permission_that_is_too_wide_is_found(account, statement, words):
    iam = account("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    policy = {"Version": "2012-10-17", "Statement": [{"Sid": "S", "Effect": "Allow", **statement}]}
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps(policy))
    found = look(Resource("p", "aws_iam_role_policy", {"role": "r", "name": "p"}), account)
    assert words in found.words


def test_policies_are_json_and_name_this_deployment_only():
    for path in sorted(Path(PROJECT / "terraform/files/policies").glob("*.json")):
        document = json.loads(path.read_text())
        assert document["Version"] == "2012-10-17", path.name
        # Endpoints and what belongs to them begin so whatever the deployment is called (mlops/identity.py).
        assert "mlops-" not in path.read_text().replace("mlops-*", ""), path.name


def test_alarm_on_an_expression_watches_the_metrics_that_it_should(account):
    def query(name):
        metric = {"Namespace": "AWS/DynamoDB", "MetricName": name, "Dimensions": [{"Name": "TableName", "Value": "t"}]}
        return {"Id": name.lower(), "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}, "ReturnData": False}

    account("cloudwatch", "us-west-2").put_metric_alarm(
        AlarmName="mlops-throttled", AlarmDescription="docs/runbooks/x.md", EvaluationPeriods=1, Threshold=0,
        AlarmActions=["arn:aws:sns:us-west-2:123456789012:mlops-alarms"], ComparisonOperator="GreaterThanThreshold",
        Metrics=[{"Id": "all", "Expression": "SUM(METRICS())"}, query("ReadThrottleEvents")],
    )  # fmt: skip
    values = {
        "alarm_name": "mlops-throttled",
        "arn": "arn:aws:cloudwatch:us-west-2:123456789012:alarm:mlops-throttled",
        "metric_query": [{"metric": []}, {"metric": [{"metric_name": "ReadThrottleEvents"}]}],
    }
    resource = Resource("aws_cloudwatch_metric_alarm.this", "aws_cloudwatch_metric_alarm", values)
    assert look(resource, account).words == "ReadThrottleEvents, operators are told"
    values["metric_query"].append({"metric": [{"metric_name": "WriteThrottleEvents"}]})
    assert not look(resource, account).fine
