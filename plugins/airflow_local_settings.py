"""Read by Airflow when it starts; mends SQLite's pace, `airflow backfill create` on SQLite, and the start of each task.

Airflow commits several times for each step of a task, and SQLite would wait for the disk at each commit (10 ms where we
measured), with everybody else locked out. In WAL mode a killed process loses nothing without that wait, only a power
cut could. The twin's own databases are opened in the same way.

For each interval Airflow reads, then writes, in one savepoint. SQLite gives up at once where another process wrote in
between, and the scheduler does, because it starts the interval before at that moment. Taking the write lock at the
beginning of the transaction makes the others wait instead. PostgreSQL needs nothing of this.

Each task is a process forked from one that the scheduler forked. What every task of ours imports, and nobody edits, is
imported once before, instead of in each task.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine


def _leave_transactions_to_us(connection: Any, _: Any) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        # The driver would not begin a transaction before a savepoint.
        connection.isolation_level = None


def _begin_with_the_write_lock(connection: Any) -> None:
    if connection.dialect.name == "sqlite" and connection.dialect.driver == "pysqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _leave_the_disk_its_time(connection: Any, _: Any) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        connection.execute("PRAGMA synchronous = NORMAL")


event.listen(Engine, "connect", _leave_the_disk_its_time)

if "backfill" in sys.argv[1:2]:
    event.listen(Engine, "connect", _leave_transactions_to_us)
    event.listen(Engine, "begin", _begin_with_the_write_lock)

if "scheduler" in sys.argv[1:2]:
    for each in ("boto3", "httpx2", "mcp.client.streamable_http"):
        # A scheduler without it still starts; the task that needs it says so.
        with contextlib.suppress(ImportError):
            importlib.import_module(each)
