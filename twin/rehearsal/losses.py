"""What can be lost: Airflow's database with its processes, every object of a bucket. And what a bucket held before."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from twin import environment, supervisor
from twin.layout import PROJECT, Layout

TABLES = {
    "dag_run": ("runs of DAGs", "start_date"),
    "task_instance": ("tries of tasks", "updated_at"),
    "xcom": ("values passed between tasks (XCom)", "timestamp"),
    "trigger": ("waits in the triggerer", "created_date"),
    "log": ("entries of Airflow's audit log", "dttm"),
}
"""What Airflow alone knows: table -> (what it holds, column of its time)."""


@dataclass(frozen=True)
class Rows:
    """What one table of Airflow's database held."""

    what: str
    count: int
    newest_age_s: float | None
    """Between the newest row and the loss; None for an empty table."""


def airflow_services(layout: Layout) -> dict[str, int]:
    """Name -> process (and session) of each part of Airflow."""
    services = json.loads((layout.home / "state.json").read_text())["services"]
    return {name: each["pid"] for name, each in services.items() if name.startswith("airflow-")}


def database_of(layout: Layout) -> Path:
    return layout.home / "airflow" / "airflow.db"


def airflow_runs(layout: Layout, dag: str) -> dict[str, float]:
    """The DAG's runs, by Airflow's database: id -> when it was made (Unix seconds). Empty while there is none."""
    rows = _query(layout, "SELECT run_id, run_after FROM dag_run WHERE dag_id = ?", dag)
    return {run: _moment(made).timestamp() for run, made in rows}


def task_states(layout: Layout, run_id: str) -> dict[str, str]:
    """State of each task of a run, by Airflow's database. Empty while there is none."""
    return dict(_query(layout, "SELECT task_id, state FROM task_instance WHERE run_id = ?", run_id))


def _query(layout: Layout, question: str, value: str) -> list[tuple[str, str]]:
    try:
        address = f"file:{database_of(layout)}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as database:
            return database.execute(question, (value,)).fetchall()
    except sqlite3.OperationalError:  # No such file or table yet, or it is being made.
        return []


def _moment(text: str) -> datetime:
    """Airflow's times are in UTC, and SQLite keeps no zone."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def lose_airflow(layout: Layout) -> list[Rows]:
    """Kill every process of Airflow and delete its database; says what was in it. Nothing is started again."""
    sessions = airflow_services(layout)
    supervisor.hold_back(layout, set(sessions))
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            ours = process.environ().get("AIRFLOW_HOME") == str(layout.home / "airflow")
            if ours or os.getsid(process.pid) in sessions.values():
                process.send_signal(signal.SIGKILL)
    while any(_runs(pid) for pid in sessions.values()):
        time.sleep(0.05)
    held = _contents(database_of(layout))
    for part in database_of(layout).parent.glob("airflow.db*"):
        part.unlink()
    return held


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _contents(database: Path) -> list[Rows]:
    moment = datetime.now(UTC)
    found = []
    with contextlib.closing(sqlite3.connect(database)) as connection:
        for table, (what, column) in TABLES.items():
            count, newest = connection.execute(f"SELECT count(*), max({column}) FROM {table}").fetchone()  # noqa: S608
            age = (moment - _moment(newest)).total_seconds() if newest else None
            found.append(Rows(what, count, age))
    return found


def renew_airflow(layout: Layout) -> None:
    """An empty database, and Airflow on it: what a new environment is on AWS. Raises RuntimeError."""
    if supervisor.start_migration(layout).wait() != 0:
        raise RuntimeError(f"`airflow db migrate` failed; see {layout.logs / 'airflow-migrate.log'}")
    supervisor.hold_back(layout, set())


@dataclass(frozen=True)
class Standing:
    """One object as it stands in a bucket."""

    sha256: str
    written: float
    """Unix seconds; S3 tells whole ones."""


def inventory(s3: Any, bucket: str) -> dict[str, Standing]:
    """Each object that stands in the bucket, by its key."""
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            found[entry["Key"]] = Standing(hashlib.sha256(body).hexdigest(), entry["LastModified"].timestamp())
    return found


def lose_objects(s3: Any, bucket: str) -> int:
    """Delete every version and every marker of the bucket for good; how many."""
    gone = 0
    for page in list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket)):
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        wanted = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in entries]
        if wanted:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": wanted, "Quiet": True})
        gone += len(wanted)
    return gone


def operate(layout: Layout, *words: str) -> subprocess.CompletedProcess[str]:
    """One command of a runbook, as an operator types it: `python -m mlops...` with the system's settings."""
    settings = {**environment.for_services(layout, {}), **environment.aws(layout)}
    return subprocess.run(
        [sys.executable, "-m", *words], env=settings, cwd=PROJECT,
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
