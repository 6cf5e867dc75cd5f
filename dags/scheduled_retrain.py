"""A run for each schedule of the policy, when its time has come; past intervals by `airflow backfill create`."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, MultipleCronTriggerTimetable
from operators.bridge import ToolOperator
from operators.schedules import DueSchedulesOperator

from mlops.policy import load

POLICY = os.environ.get("MLOPS_POLICY_FILE") or str(Path(__file__).with_name("policy.yaml"))
CRONS = sorted({schedule.cron for schedule in load(POLICY).schedules})

with DAG(
    dag_id="scheduled_retrain",
    # Without a start date the first run is the next that is due, not the last that was missed.
    schedule=MultipleCronTriggerTimetable(*CRONS, timezone="UTC", run_immediately=timedelta()) if CRONS else None,
    catchup=False,
    max_active_runs=4,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=5), "retry_exponential_backoff": 2},
    tags=["mlops"],
    doc_md=__doc__,
) as dag:
    schedules = DueSchedulesOperator(task_id="due_schedules", policy_file=POLICY)
    ToolOperator.partial(task_id="start_run", agent="retrain", tool="start_scheduled_run").expand(
        arguments=schedules.output
    )
