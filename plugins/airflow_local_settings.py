"""Read by Airflow when it starts; mends one thing: `airflow backfill create` on SQLite.

For each interval Airflow reads, then writes, in one savepoint. SQLite gives up at once where another process wrote in
between, and the scheduler does, because it starts the interval before at that moment. Taking the write lock at the
beginning of the transaction makes the others wait instead. PostgreSQL needs nothing of this.
"""

from __future__ import annotations

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


if "backfill" in sys.argv[1:2]:
    event.listen(Engine, "connect", _leave_transactions_to_us)
    event.listen(Engine, "begin", _begin_with_the_write_lock)
