"""Issues in: wait until one changes, admit it, wait again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from operators.intake import AdmitOperator
from sensors.issues import IssueSensor

with DAG(
    dag_id="issue_intake",
    schedule="@continuous",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    # A run that fails leaves the cursor where it was: the next one sees the same issues again.
    default_args={"retries": 3, "retry_delay": timedelta(seconds=5), "retry_exponential_backoff": 2},
    tags=["mlops"],
    doc_md=__doc__,
) as dag:
    wait = IssueSensor(task_id="wait_for_issues", agent="issue_detector")
    admit = AdmitOperator(task_id="admit_issues", agent="issue_detector", sensor="wait_for_issues")
    wait >> admit
