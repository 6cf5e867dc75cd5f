"""New raw objects in: the bucket's queue is watched, and policy says whether they start a run."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, AssetWatcher
from operators.arrivals import ArrivalOperator
from triggers.raw_data import RawDataTrigger

QUEUE_URL = os.environ.get("MLOPS_DATA_QUEUE_URL")


def watchers():
    """None where no queue is set up; the DAG then only runs by hand."""
    if not QUEUE_URL:
        return []
    trigger = RawDataTrigger(sqs_queue=QUEUE_URL, max_messages=10, wait_time_seconds=10, waiter_delay=1)
    return [AssetWatcher(name="raw_data_queue", trigger=trigger)]


with DAG(
    dag_id="data_arrival",
    schedule=[Asset("raw_data", uri="s3://mlops-datasets/datasets", watchers=watchers())],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=5), "retry_exponential_backoff": 2},
    tags=["mlops"],
    doc_md=__doc__,
) as dag:
    ArrivalOperator(task_id="consider_new_data", agent="retrain")
