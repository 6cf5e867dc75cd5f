"""Lambda on the twin: packages really run, stay warm, fail and time out as functions do."""

from __future__ import annotations

import io
import json
import time
import zipfile

import pytest
from aws_requests import client
from botocore.exceptions import ClientError

CODE = """
import os, sys, time
import boto3
began = time.time()

def handler(event, context):
    print("called", event)
    if event.get("fail"):
        raise ValueError("no such thing")
    if event.get("exit"):
        os._exit(3)
    if event.get("sleep"):
        time.sleep(event["sleep"])
    return {
        "event": event, "pid": os.getpid(), "setting": os.environ["SETTING"], "name": context.function_name,
        "left_ms": context.get_remaining_time_in_millis(), "path": [each for each in sys.path if "main" in each],
        "account": boto3.client("sts").get_caller_identity()["Account"] if event.get("aws") else "",
        "mlops": "mlops" in sys.modules, "python_path": os.environ.get("PYTHONPATH"),
    }
"""


def zipped(code: str = CODE) -> bytes:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", code)
    return package.getvalue()


@pytest.fixture(scope="module")
def lambdas(server):
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    client(server, "iam").create_role(RoleName="mlops-webhook", AssumeRolePolicyDocument=document)
    return client(server, "lambda", read_timeout=60)


@pytest.fixture
def function(lambdas, name):
    lambdas.create_function(
        FunctionName=name, Runtime="python3.12", Role="arn:aws:iam::123456789012:role/mlops-webhook",
        Handler="app.handler", Code={"ZipFile": zipped()}, Timeout=5, Environment={"Variables": {"SETTING": "one"}},
    )  # fmt: skip
    return name


def called(lambdas, function, event=None, **options):
    reply = lambdas.invoke(FunctionName=function, Payload=json.dumps(event or {}), **options)
    return json.loads(reply["Payload"].read() or b"null"), reply.get("FunctionError")


def test_handler_gets_its_event_and_its_settings(lambdas, function):
    answer, error = called(lambdas, function, {"a": 1})
    assert error is None
    assert (answer["event"], answer["setting"], answer["name"]) == ({"a": 1}, "one", function)
    assert 0 < answer["left_ms"] <= 5000


def test_it_sees_its_package_and_nothing_of_this_checkout(lambdas, function):
    answer, _ = called(lambdas, function)
    assert (answer["mlops"], answer["python_path"]) == (False, None)
    assert not [each for each in answer["path"] if each.endswith("/main")]


def test_it_reaches_aws(lambdas, function):
    assert called(lambdas, function, {"aws": True})[0]["account"] == "123456789012"


def test_process_stays_warm(lambdas, function):
    assert called(lambdas, function)[0]["pid"] == called(lambdas, function)[0]["pid"]


def test_changed_setting_and_changed_code_start_another_process(lambdas, function):
    first = called(lambdas, function)[0]
    lambdas.update_function_configuration(FunctionName=function, Environment={"Variables": {"SETTING": "two"}})
    second = called(lambdas, function)[0]
    assert (second["setting"], second["pid"] != first["pid"]) == ("two", True)
    lambdas.update_function_code(FunctionName=function, ZipFile=zipped("def handler(event, context): return 'new'"))
    assert called(lambdas, function)[0] == "new"


def test_what_a_handler_raises_is_told_as_lambda_tells_it(lambdas, function):
    answer, error = called(lambdas, function, {"fail": True})
    assert (error, answer["errorType"], answer["errorMessage"]) == ("Unhandled", "ValueError", "no such thing")


def test_process_that_ends_is_told_and_started_again(lambdas, function):
    answer, error = called(lambdas, function, {"exit": True})
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert called(lambdas, function)[1] is None


def test_slow_call_is_ended(lambdas, function):
    lambdas.update_function_configuration(FunctionName=function, Timeout=1)
    answer, error = called(lambdas, function, {"sleep": 30})
    assert (error, answer["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert called(lambdas, function)[1] is None


def test_package_without_its_module_cannot_start(lambdas, function):
    lambdas.update_function_configuration(FunctionName=function, Handler="absent.handler")
    answer, error = called(lambdas, function)
    assert (error, answer["errorType"]) == ("Unhandled", "ModuleNotFoundError")


def test_lines_reach_the_functions_log_group(server, lambdas, function):
    called(lambdas, function, {"a": "marker"})
    wanted, found, deadline = ("START ", "called {'a': 'marker'}", "Init Duration", "END "), "", time.monotonic() + 10
    while not all(each in found for each in wanted):
        assert time.monotonic() < deadline, found
        events = client(server, "logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        found = "\n".join(each["message"] for each in events)


def test_asynchronous_call_is_answered_at_once(server, lambdas, function):
    reply = lambdas.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
    assert reply["StatusCode"] == 202
    deadline = time.monotonic() + 20
    while not server.twin.effects.list("Invoke", function):
        assert time.monotonic() < deadline


def test_unknown_function_and_malformed_event_are_refused(lambdas, function):
    with pytest.raises(ClientError, match="Function not found"):
        lambdas.invoke(FunctionName="absent")
    with pytest.raises(ClientError, match="Could not parse"):
        lambdas.invoke(FunctionName=function, Payload=b"{")
