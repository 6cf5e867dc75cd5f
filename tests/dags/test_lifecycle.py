"""Seven phases in order; two ways from the verdict; one end."""

from __future__ import annotations

import pytest
from airflow.sdk import TriggerRule
from operators.closing import report_failure

from mlops.identity import Phase
from mlops.spec import dag_params


@pytest.fixture(scope="module")
def dag(dags):
    return dags["lifecycle"]


def test_there_is_a_group_for_each_phase(dag):
    groups = [name for name in dag.task_group_dict if name]
    assert groups == [phase.value for phase in Phase]


def test_phases_follow_each_other(dag):
    for earlier, later in zip(list(Phase), list(Phase)[1:], strict=False):
        first = dag.task_group_dict[earlier.value]
        assert later.value in first.downstream_group_ids


def test_verdict_leads_to_packaging_or_to_the_next_step(dag):
    branch = dag.get_task("validate.record_verdict")
    assert branch.downstream_task_ids == {"package.package_model", "retrain.decide_next"}
    assert set(branch.accepted) | set(branch.otherwise) == branch.downstream_task_ids


def test_next_step_is_told_after_a_deployment_and_without_one(dag):
    assert dag.get_task("retrain.decide_next").trigger_rule == TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS


def test_run_is_closed_whatever_happened(dag):
    close = dag.get_task("close_run")
    assert close.trigger_rule == TriggerRule.ALL_DONE
    assert close.upstream_task_ids == {"retrain.decide_next"}


def test_failed_phase_fails_the_dag_run(dag):
    """close_run succeeds after a failure; the other leaf does not."""
    assert {task.task_id for task in dag.leaves} == {"close_run", "ended"}
    assert dag.get_task("ended").trigger_rule == TriggerRule.ALL_SUCCESS


def test_every_task_reports_its_failure(dag):
    for task in dag.tasks:
        assert report_failure in task.on_failure_callback, task.task_id


def test_twenty_runs_fit_at_once(dag):
    assert dag.max_active_runs > 20
    assert dag.max_active_tasks > 20


def test_form_is_derived_from_the_schema(dag):
    assert set(dag.params) == set(dag_params())
    assert dag.params.get_param("algorithm").schema["enum"]
    assert dag.params.dump()["algorithm"] == dag_params()["algorithm"]["default"]
