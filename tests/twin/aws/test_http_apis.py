"""API Gateway on the twin: a request to an API's address reaches its function, and comes back as it answers."""

from __future__ import annotations

import io
import json
import zipfile

import httpx
import pytest
from aws_requests import client

CODE = """
def handler(event, context):
    if event["body"] == "crash":
        raise ValueError("a secret text")
    return {"statusCode": 202, "headers": {"content-type": "application/json", "x-kind": "test"},
            "body": __import__("json").dumps(event)}
"""


@pytest.fixture(scope="module")
def address(server):
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    client(server, "iam").create_role(RoleName="mlops-hook", AssumeRolePolicyDocument=document)
    package, lambdas, gateway = io.BytesIO(), client(server, "lambda"), client(server, "apigatewayv2")
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", CODE)
    arn = lambdas.create_function(
        FunctionName="hook", Runtime="python3.12", Role="arn:aws:iam::123456789012:role/mlops-hook",
        Handler="app.handler", Code={"ZipFile": package.getvalue()}, Timeout=20,
    )["FunctionArn"]  # fmt: skip
    api = gateway.create_api(Name="hook", ProtocolType="HTTP")["ApiId"]
    integration = gateway.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", PayloadFormatVersion="2.0",
        IntegrationUri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations",
    )["IntegrationId"]  # fmt: skip
    gateway.create_route(ApiId=api, RouteKey="POST /github", Target=f"integrations/{integration}")
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    lambdas.add_permission(
        FunctionName="hook", StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:123456789012:{api}/*/POST/github",
    )  # fmt: skip
    return f"{server.url}/_aws/execute-api/{api}"


def posted(address, content=b'{"a": 1}', path="/github", **headers):
    given = {"content-type": "application/json", **headers}
    return httpx.post(f"{address}{path}", content=content, headers=given, timeout=60)


def test_function_gets_the_request_as_payload_two(address):
    reply = posted(address, **{"X-GitHub-Event": "issues"})
    event = reply.json()
    assert (reply.status_code, reply.headers["x-kind"]) == (202, "test")
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "POST /github", "/github")
    assert (event["body"], event["isBase64Encoded"], event["headers"]["x-github-event"]) == (
        '{"a": 1}',
        False,
        "issues",
    )
    assert event["requestContext"]["http"]["method"] == "POST"


def test_bytes_arrive_encoded(address):
    event = posted(address, b"\xff\x00", **{"content-type": "application/octet-stream"}).json()
    assert (event["body"], event["isBase64Encoded"]) == ("/wA=", True)


def test_crash_is_an_internal_error_without_its_text(address):
    reply = posted(address, b"crash")
    assert (reply.status_code, reply.json()) == (500, {"message": "Internal Server Error"})


@pytest.mark.parametrize("path", ["/other", "/"])
def test_path_without_a_route_is_not_found(address, path):
    assert posted(address, path=path).status_code == 404


def test_unknown_api_is_not_found(address):
    assert posted(address.rpartition("/")[0], path="/absent/github").status_code == 404


def test_function_that_does_not_let_the_api_call_it_is_not_called(server, address):
    lambdas = client(server, "lambda")
    policy = json.loads(lambdas.get_policy(FunctionName="hook")["Policy"])["Statement"][0]
    lambdas.remove_permission(FunctionName="hook", StatementId="api")
    try:
        assert posted(address).status_code == 500
    finally:
        lambdas.add_permission(
            FunctionName="hook", StatementId="api", Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com", SourceArn=policy["Condition"]["ArnLike"]["AWS:SourceArn"],
        )  # fmt: skip
