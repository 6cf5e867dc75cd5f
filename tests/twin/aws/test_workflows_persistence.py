"""State machines and the names of their executions survive the twin."""

from __future__ import annotations

import json

from aws_requests import OPTIONS, client

from twin.aws.options import Options
from twin.aws.server import start


def test_execution_that_ran_is_found_as_failed_and_its_name_as_taken(tmp_path):
    machine = {"StartAt": "wait", "States": {"wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
    role = "arn:aws:iam::123456789012:role/mlops-workflow"
    with start(state_dir=tmp_path, options=Options(**OPTIONS)) as server:
        functions = client(server, "stepfunctions")
        arn = functions.create_state_machine(name="m", definition=json.dumps(machine), roleArn=role)["stateMachineArn"]
        execution = functions.start_execution(stateMachineArn=arn, name="gh-1-1-0")["executionArn"]
    with start(state_dir=tmp_path, options=Options(**OPTIONS)) as server:
        functions = client(server, "stepfunctions")
        found = functions.describe_execution(executionArn=execution)
        assert (found["status"], found["error"]) == ("FAILED", "Twin.Ended")
        names = functions.list_executions(stateMachineArn=arn)["executions"]
        assert [one["name"] for one in names] == ["gh-1-1-0"]
