"""Step Functions in the twin: moto's interpreter where it had left the ways of AWS."""

from __future__ import annotations

import json

import pytest
from aws_requests import client, wait_for
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackEndpoint, CallbackOutcomeSuccess

from twin.aws.seed import seed, state_machine

ROLE = "arn:aws:iam::123456789012:role/mlops-workflow"
WAITING = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    "HeartbeatSeconds": 60,
    "Retry": [{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 1}],
    "End": True,
}


@pytest.fixture
def functions(server):
    return client(server, "stepfunctions")


@pytest.fixture
def waiting(server, functions, name):
    """(ARN of an execution that waits, function that gives the next token sent)."""
    sqs = client(server, "sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    words = {"QueueUrl": queue, "MessageBody.$": "$$.Task.Token"}
    machine = {"StartAt": "wait", "States": {"wait": {**WAITING, "Parameters": words}}}
    arn = functions.create_state_machine(name=name, definition=json.dumps(machine), roleArn=ROLE)["stateMachineArn"]
    execution = functions.start_execution(stateMachineArn=arn, name=name)["executionArn"]

    def token():
        (message,) = wait_for(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return message["Body"]

    return execution, token


def ended(functions, execution):
    wait_for(lambda: functions.describe_execution(executionArn=execution)["status"] != "RUNNING")
    return functions.describe_execution(executionArn=execution)


def test_answer_is_taken_once(functions, waiting):
    execution, token = waiting
    first = token()
    functions.send_task_heartbeat(taskToken=first)
    functions.send_task_success(taskToken=first, output='{"a": 1}')
    with pytest.raises(functions.exceptions.TaskTimedOut):
        functions.send_task_success(taskToken=first, output='{"a": 2}')
    assert json.loads(ended(functions, execution)["output"]) == {"a": 1}


def test_each_attempt_has_its_own_token(functions, waiting):
    execution, token = waiting
    first = token()
    functions.send_task_failure(taskToken=first, error="Again", cause="once more")
    second = token()
    assert second != first
    with pytest.raises(functions.exceptions.TaskTimedOut):
        functions.send_task_heartbeat(taskToken=first)
    functions.send_task_failure(taskToken=second, error="Enough", cause="the cause")
    found = ended(functions, execution)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Enough", "the cause")


def test_answer_that_comes_before_the_state_listens_is_heard():
    endpoint = CallbackEndpoint("token")
    endpoint.notify(CallbackOutcomeSuccess("token", "{}"))
    assert endpoint.setup_heartbeat_endpoint(600).clear_and_wait()


def test_state_that_waits_is_stopped_at_once_with_its_reason(functions, waiting):
    execution, token = waiting
    token()
    functions.stop_execution(executionArn=execution, error="Mine", cause="Enough.")
    found = ended(functions, execution)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Mine", "Enough.")


@pytest.mark.parametrize("action", ["success", "failure", "heartbeat"])
def test_unknown_token_is_refused(functions, action):
    words = {"output": "{}"} if action == "success" else {}
    with pytest.raises(functions.exceptions.InvalidToken):
        getattr(functions, f"send_task_{action}")(taskToken="nobody", **words)


def test_output_that_is_no_json_is_refused(functions, waiting):
    _, token = waiting
    with pytest.raises(functions.exceptions.InvalidOutput):
        functions.send_task_success(taskToken=token(), output="{")


def test_name_stays_taken_after_the_end(functions, waiting):
    execution, token = waiting
    functions.send_task_success(taskToken=token(), output="{}")
    found = ended(functions, execution)
    with pytest.raises(functions.exceptions.ExecutionAlreadyExists):
        functions.start_execution(stateMachineArn=found["stateMachineArn"], name=found["name"])


def test_start_is_a_true_effect(server, waiting):
    execution, _ = waiting
    name = execution.rpartition(":")[2]
    assert [one["name"] for one in server.twin.effects.list("StartExecution", name)] == [name]


def test_state_machine_is_made_from_terraforms_template_and_renewed(server, functions):
    seed(server.url)
    template = {"StartAt": "a", "States": {"a": {"Type": "Pass", "Result": "${ledger_table}", "End": True}}}
    arn = state_machine(server.url, json.dumps(template))
    template["States"]["a"]["Result"] = "${mwaa_environment} ${alarm_topic_arn}"
    assert state_machine(server.url, json.dumps(template)) == arn
    made = json.loads(functions.describe_state_machine(stateMachineArn=arn)["definition"])
    assert made["States"]["a"]["Result"] == "mlops-airflow arn:aws:sns:us-east-1:123456789012:mlops-alarms"
