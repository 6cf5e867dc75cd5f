"""Every watched endpoint is checked for drift, and policy says what follows; runs that hang are put right."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, CronTriggerTimetable, task_group
from operators.bridge import ToolOperator
from operators.jobs import JobOperator
from operators.schedules import ListChecksOperator

from mlops.policy import load

POLICY = os.environ.get("MLOPS_POLICY_FILE") or str(Path(__file__).with_name("policy.yaml"))

with DAG(
    dag_id="monitoring",
    # Without a start date the first run is the next that is due, not the last that was missed.
    schedule=CronTriggerTimetable(load(POLICY).monitoring.cron, timezone="UTC", run_immediately=timedelta()),
    catchup=False,
    # A check that takes longer than the interval is not overtaken by the next.
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=5), "retry_exponential_backoff": 2},
    tags=["mlops"],
    doc_md=__doc__,
) as dag:

    @task_group
    def watch(check):
        """One endpoint; trouble with it leaves the others alone."""
        check_drift = JobOperator(
            task_id="check_drift",
            agent="monitor",
            start="start_drift_check",
            collect="collect_drift_check",
            arguments=check,
        )
        check_drift >> ToolOperator(task_id="act_on_drift", agent="retrain", tool="act_on_drift", arguments=check)

    watch.expand(check=ListChecksOperator(task_id="list_checks", agent="monitor").output)
    ToolOperator(task_id="reconcile_runs", agent="history_writer", tool="reconcile_runs", arguments={}, each_try=True)
