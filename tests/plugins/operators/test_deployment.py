"""Start, wait in the triggerer, prove."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import TaskDeferred
from operators.deployment import DeploymentOperator

DEPLOYED = {"state": "in_service"}


@pytest.fixture
def operator(bridge_server, script):
    script.on("confirm_deployment", DEPLOYED)
    return DeploymentOperator(task_id="deploy_model", agent="deployment")


def test_changing_endpoint_is_waited_for(operator, script, context):
    script.on("start_deployment", {"job": {"name": "mlops-wine", "kind": "endpoint"}, "skipped": None})
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    assert deferred.value.trigger.serialize()[1]["run_key"] == context["run_id"]


def test_nothing_to_deploy_is_confirmed_at_once(operator, script, context):
    script.on("start_deployment", {"job": None, "skipped": "No deployment asked for."})
    assert operator.execute(context) == DEPLOYED


def test_ended_deployment_is_proved(operator, context):
    assert operator.confirm(context, {"endpoint": "mlops-wine", "state": "done", "detail": ""}) == DEPLOYED
