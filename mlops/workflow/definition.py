"""The state machine `mlops-workflow` in Amazon States Language, drawn from the graph of the phases.

Each phase is a state that leaves its task token in the ledger and waits. Token and answer meet in one item, by
conditional writes: where the token comes first, the phase finds it and hands its answer back; where the phase ended
first, the token is refused, and the state `<phase>_answer` reads what the phase left.
"""

from __future__ import annotations

import json
from typing import Any

from mlops.identity import Phase
from mlops.phases.graph import FIRST, FOLLOWERS
from mlops.workflow.words import ANSWERED_STATES, PLATFORM_FAULT

State = dict[str, Any]

NAME = "mlops-workflow"
DAG_ID = "lifecycle"
FAILURE_DAG_ID = "workflow_failure"
MAX_RETRIES = 3
HEARTBEAT_S = 2 * 3600
"""The monitoring DAG sends a heartbeat every quarter of an hour: eight missed ones say that Airflow is gone."""
PHASE_LIMIT_S = 30 * 24 * 3600
"""A deployment may wait long for a person's approval."""


def definition(
    *,
    table: str = "${ledger_table}",
    environment: str = "${mwaa_environment}",
    topic: str = "${alarm_topic_arn}",
    pause_s: int = 5,
    heartbeat_s: int = HEARTBEAT_S,
) -> dict[str, Any]:
    """The whole machine; without arguments as a template for Terraform's `templatefile`.

    Args:
        table: name of the ledger's table.
        environment: name of the MWAA environment.
        topic: ARN of the topic that tells operators what could not be told on the issue.
        pause_s: before the first retry; each later one waits twice as long.
        heartbeat_s: a phase of which nobody says that it lives fails after so long.
    """
    states: dict[str, State] = {**_start(environment, pause_s)}
    for phase in FOLLOWERS:
        states |= _phase(phase, table, pause_s, heartbeat_s)
    states["finished"] = {"Type": "Succeed"}
    states |= _failure(environment, topic, pause_s)
    return {
        "Comment": "One run, from a labelled issue to a watched endpoint. Rendered: python -m mlops.workflow render",
        "QueryLanguage": "JSONPath",
        "StartAt": "start_run",
        "TimeoutSeconds": 2 * PHASE_LIMIT_S,
        "States": states,
    }


def rendered(machine: dict[str, Any]) -> str:
    return json.dumps(machine, indent=2) + "\n"


def _start(environment: str, pause_s: int) -> dict[str, State]:
    """Start the DAG run; one that exists, after a lost reply or a start long ago, is adopted."""
    runs = f"/dags/{DAG_ID}/dagRuns"
    return {
        "start_run": {
            **_airflow(
                environment,
                "POST",
                runs,
                Body={"dag_run_id.$": "$.run_key", "logical_date": None, "conf.$": "$.conf", "note.$": "$.note"},
            ),
            "ResultPath": None,
            "Retry": [_retry(AIRFLOW_FAULTS, pause_s)],
            "Catch": [
                {
                    "ErrorEquals": ["Mwaa.RestApiClientException"],
                    "ResultPath": "$.failure",
                    "Next": "adopt_run",
                },
                _give_up(),
            ],
            "Next": FIRST.value,
        },
        "adopt_run": {
            # The path with the run's id in it may be longer than the 64 characters that MWAA takes.
            **_airflow(environment, "GET", runs, QueryParameters={"run_id_prefix_pattern.$": "$.run_key"}),
            "ResultSelector": {
                "exists.$": "States.ArrayContains($.RestApiResponse.dag_runs[*].dag_run_id, $$.Execution.Input.run_key)"
            },
            "ResultPath": "$.adopted",
            "Retry": [_retry(AIRFLOW_FAULTS, pause_s)],
            "Catch": [_give_up()],
            "Next": "run_exists",
        },
        "run_exists": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.adopted.exists", "BooleanEquals": True, "Next": FIRST.value}],
            "Default": "report_failure",
        },
    }


def _phase(phase: Phase, table: str, pause_s: int, heartbeat_s: int) -> dict[str, State]:
    key = {"id": {"S.$": f"States.Format('token#{{}}#{phase}', $.run_key)"}}
    names = {"#kind": "kind", "#run": "run_key", "#phase": "phase", "#token": "token", "#entered": "entered_at"}
    ended = {"#ended": "ended_at"}
    following = _next(phase)
    return {
        phase.value: {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken",
            "Parameters": {
                "TableName": table,
                "Key": key,
                "UpdateExpression": (
                    "SET #kind = :kind, #run = :run, #phase = :phase, #token = :token, #entered = :entered"
                ),
                "ConditionExpression": "attribute_not_exists(#ended)",
                "ExpressionAttributeNames": {**names, **ended},
                "ExpressionAttributeValues": {
                    ":kind": {"S": "token"},
                    ":run": {"S.$": "$.run_key"},
                    ":phase": {"S": phase.value},
                    ":token": {"S.$": "$$.Task.Token"},
                    ":entered": {"S.$": "$$.State.EnteredTime"},
                },
            },
            "ResultPath": f"$.{phase}",
            "TimeoutSeconds": PHASE_LIMIT_S,
            "HeartbeatSeconds": heartbeat_s,
            "Retry": [_retry([PLATFORM_FAULT, *LEDGER_FAULTS], pause_s)],
            "Catch": [
                {
                    "ErrorEquals": ["DynamoDb.ConditionalCheckFailedException"],
                    "ResultPath": "$.refusal",
                    "Next": f"{phase}_answer",
                },
                _give_up(),
            ],
            "Next": following,
        },
        f"{phase}_answer": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem",
            "Parameters": {
                "TableName": table,
                "Key": key,
                "UpdateExpression": "SET #read = :read",
                # A phase that failed has left no answer; what it said is on the issue.
                "ConditionExpression": "#state IN (:succeeded, :skipped)",
                "ExpressionAttributeNames": {"#read": "read_at", "#state": "state"},
                "ExpressionAttributeValues": {
                    ":read": {"S.$": "$$.State.EnteredTime"},
                    **{f":{state}": {"S": state} for state in ANSWERED_STATES},
                },
                "ReturnValues": "ALL_NEW",
            },
            "ResultSelector": {
                "phase.$": "$.Attributes.phase.S",
                "state.$": "$.Attributes.state.S",
                "message.$": "$.Attributes.message.S",
                "next.$": "$.Attributes.next.S",
                "result.$": "States.StringToJson($.Attributes.result.S)",
            },
            "ResultPath": f"$.{phase}",
            "Retry": [_retry(LEDGER_FAULTS, pause_s)],
            "Catch": [_give_up()],
            "Next": following,
        },
        **_branch(phase),
    }


def _next(phase: Phase) -> str:
    followers = FOLLOWERS[phase]
    return "finished" if not followers else followers[0].value if len(followers) == 1 else f"after_{phase}"


def _branch(phase: Phase) -> dict[str, State]:
    """Where several phases may follow, the answer names the one."""
    usual, *others = FOLLOWERS[phase] or (phase,)
    if not others:
        return {}
    choices = [{"Variable": f"$.{phase}.next", "StringEquals": other.value, "Next": other.value} for other in others]
    return {f"after_{phase}": {"Type": "Choice", "Choices": choices, "Default": usual.value}}


def _failure(environment: str, topic: str, pause_s: int) -> dict[str, State]:
    """Say on the issue what happened; where Airflow does not answer, tell the operators. Then fail."""
    return {
        "report_failure": {
            **_airflow(
                environment,
                "POST",
                f"/dags/{FAILURE_DAG_ID}/dagRuns",
                Body={
                    "dag_run_id.$": "$$.Execution.Name",
                    "logical_date": None,
                    "conf": {
                        "run_key.$": "$.run_key",
                        "error.$": "$.failure.Error",
                        "cause.$": "$.failure.Cause",
                        "state.$": "$",
                    },
                },
            ),
            "ResultPath": None,
            "Retry": [_retry(AIRFLOW_FAULTS, pause_s)],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.unreported", "Next": "tell_operators"}],
            "Next": "failed",
        },
        "tell_operators": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Parameters": {
                "TopicArn": topic,
                "Subject": "An mlops run failed and could not be reported",
                "Message.$": "States.Format('{}: {}: {}', $.run_key, $.failure.Error, $.failure.Cause)",
            },
            "ResultPath": None,
            "Retry": [_retry(["States.TaskFailed"], pause_s)],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.untold", "Next": "failed"}],
            "Next": "failed",
        },
        "failed": {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"},
    }


AIRFLOW_FAULTS = ["Mwaa.RestApiServerException", "Mwaa.InternalServerException", "Mwaa.MwaaException"]
LEDGER_FAULTS = [
    "DynamoDb.InternalServerErrorException", "DynamoDb.ProvisionedThroughputExceededException",
    "DynamoDb.RequestLimitExceededException", "DynamoDb.DynamoDbException",
]  # fmt: skip


def _airflow(environment: str, method: str, path: str, **more: Any) -> State:
    """A call of Airflow's REST API. MWAA takes paths of at most 64 characters."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:mwaa:invokeRestApi",
        "Parameters": {"Name": environment, "Method": method, "Path": path, **more},
    }


def _retry(errors: list[str], pause_s: int) -> dict[str, Any]:
    return {"ErrorEquals": errors, "IntervalSeconds": pause_s, "MaxAttempts": MAX_RETRIES, "BackoffRate": 2.0}


def _give_up() -> dict[str, Any]:
    return {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "report_failure"}
