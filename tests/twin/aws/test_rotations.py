"""RotateSecret on the twin: four steps of a function, a trial at set-up, an attempt that failed and comes again."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile

import pytest
from aws_requests import client
from botocore.exceptions import ClientError

CODE = """
import boto3
manager = boto3.client("secretsmanager")

def handler(event, context):
    secret, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    print("step", step)
    current = manager.get_secret_value(SecretId=secret)
    if current["SecretString"].startswith("stuck") and step == "testSecret":
        raise ValueError("stuck")
    if step == "createSecret":
        value = current["SecretString"] + "+"
        manager.put_secret_value(
            SecretId=secret, ClientRequestToken=token, SecretString=value, VersionStages=["AWSPENDING"])
    if step == "finishSecret":
        manager.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token,
            RemoveFromVersionId=current["VersionId"])
"""


@pytest.fixture(scope="module")
def function(server):
    """The ARN of one that Secrets Manager may call."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    client(server, "iam").create_role(RoleName="mlops-rotation", AssumeRolePolicyDocument=document)
    package, lambdas = io.BytesIO(), client(server, "lambda")
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", CODE)
    made = lambdas.create_function(
        FunctionName="rotation", Runtime="python3.12", Role="arn:aws:iam::123456789012:role/mlops-rotation",
        Handler="app.handler", Code={"ZipFile": package.getvalue()}, Timeout=20,
    )  # fmt: skip
    lambdas.add_permission(
        FunctionName="rotation", StatementId="sm", Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com", SourceAccount="123456789012",
    )  # fmt: skip
    return made["FunctionArn"]


@pytest.fixture(scope="module")
def manager(server):
    return client(server, "secretsmanager")


@pytest.fixture
def secret(manager, function, name):
    manager.create_secret(Name=name, SecretString="first")
    return name


def until(look):
    deadline = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def value(manager, secret, stage=None):
    return manager.get_secret_value(SecretId=secret, **({"VersionStage": stage} if stage else {}))["SecretString"]


def rotate(manager, secret, function=None, **options):
    """Start a rotation and wait until it was done."""
    before = manager.describe_secret(SecretId=secret).get("LastRotatedDate")
    given = {"RotationLambdaARN": function} if function else {}
    manager.rotate_secret(SecretId=secret, RotationRules={"AutomaticallyAfterDays": 90}, **given, **options)
    token = options.get("ClientRequestToken")
    until(lambda: "+" in value(manager, secret))
    return before, token


def labels(manager, secret):
    return manager.describe_secret(SecretId=secret)["VersionIdsToStages"]


def test_function_makes_the_next_value_current(manager, secret, function):
    rotate(manager, secret, function)
    assert (value(manager, secret), value(manager, secret, "AWSPREVIOUS")) == ("first+", "first")


def test_it_is_told_when_it_was_and_when_it_will_be(manager, secret, function):
    rotate(manager, secret, function)
    told = until(lambda: (d := manager.describe_secret(SecretId=secret)).get("LastRotatedDate") and d)
    assert (told["NextRotationDate"] - told["LastRotatedDate"]).days == 90
    assert told["RotationEnabled"]


def test_nothing_stays_pending_so_that_the_next_can_begin(manager, secret, function):
    rotate(manager, secret, function)
    until(lambda: "AWSPENDING" not in str(labels(manager, secret)))
    manager.rotate_secret(SecretId=secret)
    until(lambda: value(manager, secret) == "first++")
    assert value(manager, secret, "AWSPREVIOUS") == "first+"


def test_caller_does_not_wait(manager, secret, function):
    began = time.monotonic()
    manager.rotate_secret(SecretId=secret, RotationLambdaARN=function)
    assert time.monotonic() - began < 2.0
    until(lambda: value(manager, secret) == "first+")


def test_rotation_for_later_is_only_tried(server, manager, secret, function):
    calls = len(server.twin.effects.list("Invoke", "rotation"))
    manager.rotate_secret(
        SecretId=secret, RotationLambdaARN=function, RotateImmediately=False,
        RotationRules={"AutomaticallyAfterDays": 90},
    )  # fmt: skip
    until(lambda: "AWSPENDING" not in str(labels(manager, secret)))
    assert value(manager, secret) == "first"
    assert len(server.twin.effects.list("Invoke", "rotation")) == calls + 1


def test_step_that_fails_leaves_the_value_and_comes_again(manager, secret, function):
    manager.put_secret_value(SecretId=secret, SecretString="stuck")
    token = str(uuid.uuid4())
    manager.rotate_secret(SecretId=secret, RotationLambdaARN=function, ClientRequestToken=token)
    until(lambda: labels(manager, secret).get(token) == ["AWSPENDING"])

    def pending():
        try:
            return value(manager, secret, "AWSPENDING")
        except manager.exceptions.ResourceNotFoundException:
            return None  # the version is there before its value

    until(lambda: pending() == "stuck+")
    assert value(manager, secret) == "stuck"
    with pytest.raises(ClientError, match="will be reattempted"):
        manager.rotate_secret(SecretId=secret)


def test_secret_without_a_function_and_function_without_permission_are_refused(server, manager, secret, function):
    with pytest.raises(ClientError, match="No Lambda rotation function"):
        manager.rotate_secret(SecretId=secret)
    client(server, "lambda").remove_permission(FunctionName="rotation", StatementId="sm")
    try:
        with pytest.raises(ClientError, match="cannot invoke the specified Lambda"):
            manager.rotate_secret(SecretId=secret, RotationLambdaARN=function)
    finally:
        client(server, "lambda").add_permission(
            FunctionName="rotation", StatementId="sm", Action="lambda:InvokeFunction",
            Principal="secretsmanager.amazonaws.com",
        )  # fmt: skip
