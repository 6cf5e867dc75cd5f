"""The functions of an account and what leads to them: GitHub's webhook behind an address, the rotation of secrets.

As `terraform/functions.tf`, `webhook.tf` and `secrets.tf` have them, for a twin without Terraform.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from twin.aws import http_apis
from twin.aws.clients import client
from twin.aws.seed import ALARM_TOPIC

API = "mlops-webhook"
WEBHOOK_QUEUE = "mlops-webhooks"
_ROUTE = "POST /github"
_DAYS = 90


def seed(url: str, packages: Path, secrets: Iterable[str], *, account: str, region: str) -> None:
    """Make or renew both functions from the zips in `packages`, the address, and the rotation of `secrets`."""
    sqs, sns = client(url, "sqs", region), client(url, "sns", region)
    queue_url = sqs.create_queue(QueueName=WEBHOOK_QUEUE)["QueueUrl"]
    topic = sns.create_topic(Name=ALARM_TOPIC)["TopicArn"]
    made = _Functions(url, account, region, packages)
    receiver = made.function("webhook", 10, {"WEBHOOK_QUEUE_URL": queue_url, "API_KEYS_SECRET": "mlops/api-keys"})
    rotation = made.function("rotation", 60, {"ALARM_TOPIC_ARN": topic, "SECRET_PREFIX": "mlops/"})
    api = _address(client(url, "apigatewayv2", region), receiver, region)
    source = f"arn:aws:execute-api:{region}:{account}:{api}/*/POST/github"
    made.permit("webhook", "apigateway.amazonaws.com", SourceArn=source)
    made.permit("rotation", "secretsmanager.amazonaws.com", SourceAccount=account)
    manager = client(url, "secretsmanager", region)
    for name in secrets:
        if not manager.describe_secret(SecretId=name).get("RotationLambdaARN"):
            manager.rotate_secret(
                SecretId=name, RotationLambdaARN=rotation, RotateImmediately=False,
                RotationRules={"AutomaticallyAfterDays": _DAYS},
            )  # fmt: skip


def address(url: str, region: str) -> str:
    """Where GitHub posts its deliveries to, whoever made the API; empty where nobody did."""
    apis = client(url, "apigatewayv2", region).get_apis()["Items"]
    return next((f"{url}{http_apis.PATH}{each['ApiId']}/github" for each in apis if each["Name"] == API), "")


class _Functions:
    def __init__(self, url: str, account: str, region: str, packages: Path):
        self._lambda, self._iam = client(url, "lambda", region), client(url, "iam", region)
        self._account, self._packages = account, packages

    def function(self, name: str, timeout_s: int, variables: dict[str, str]) -> str:
        """Its ARN."""
        package = (self._packages / f"{name}.zip").read_bytes()
        full, settings = f"mlops-{name}", {"Timeout": timeout_s, "Environment": {"Variables": variables}}
        try:
            known = self._lambda.get_function_configuration(FunctionName=full)
        except self._lambda.exceptions.ResourceNotFoundException:
            return str(
                self._lambda.create_function(
                    FunctionName=full, Runtime="python3.12", Architectures=["arm64"], Role=self._role(full),
                    Handler=f"mlops.lambdas.{name}.handler", Code={"ZipFile": package}, MemorySize=256, **settings,
                )["FunctionArn"]
            )  # fmt: skip
        if known["CodeSha256"] != base64.b64encode(hashlib.sha256(package).digest()).decode():
            self._lambda.update_function_code(FunctionName=full, ZipFile=package)
        if known.get("Environment", {}).get("Variables") != variables:
            self._lambda.update_function_configuration(FunctionName=full, **settings)
        return str(known["FunctionArn"])

    def permit(self, name: str, principal: str, **source: str) -> None:
        try:
            self._lambda.add_permission(
                FunctionName=f"mlops-{name}", StatementId="caller", Action="lambda:InvokeFunction",
                Principal=principal, **source,
            )  # fmt: skip
        except self._lambda.exceptions.ResourceConflictException:
            return

    def _role(self, name: str) -> str:
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        try:
            self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
        except ClientError as error:
            if error.response["Error"]["Code"] != "EntityAlreadyExists":
                raise
        return str(self._iam.get_role(RoleName=name)["Role"]["Arn"])


def _address(gateway: Any, function: str, region: str) -> str:
    """The API's id."""
    for known in gateway.get_apis()["Items"]:
        if known["Name"] == API:
            return str(known["ApiId"])
    api = str(gateway.create_api(Name=API, ProtocolType="HTTP")["ApiId"])
    integration = gateway.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", PayloadFormatVersion="2.0", TimeoutInMillis=10_000,
        IntegrationUri=f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function}/invocations",
    )["IntegrationId"]  # fmt: skip
    gateway.create_route(ApiId=api, RouteKey=_ROUTE, Target=f"integrations/{integration}")
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    return api
