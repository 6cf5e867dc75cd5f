"""The state machine could not go on: say so on the run's issue. Only Step Functions triggers it."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from operators.bridge import ToolOperator

from mlops.workflow.report import failure_report


def reported(context):
    return failure_report(context["dag_run"].conf)


with DAG(
    dag_id="workflow_failure",
    schedule=None,
    catchup=False,
    max_active_runs=32,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=5), "retry_exponential_backoff": 2},
    tags=["mlops"],
    doc_md=__doc__,
) as dag:
    ToolOperator(task_id="report_failure", agent="history_writer", tool="report_failure", arguments=reported)
