"""SQLite waits for no disk, a backfill locks before it reads, and tasks find imported what all of them need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
CODE = """
import sys
sys.argv = ["airflow", *sys.argv[2:]]
sys.path.insert(0, {plugins!r})
import airflow_local_settings, sqlite3, sqlalchemy
engine = sqlalchemy.create_engine("sqlite:///x.db")
with engine.begin():
    try:
        with sqlite3.connect("x.db", timeout=0) as other:
            other.execute("create table t (n)")
        print("free")
    except sqlite3.OperationalError:
        print("locked")
with engine.begin() as mine, mine.begin_nested():
    mine.exec_driver_sql("create table s (n)")
print(engine.connect().exec_driver_sql("select count(*) from s").scalar())
"""
PACE = """
import sys
sys.argv = ["airflow", *sys.argv[2:]]
sys.path.insert(0, {plugins!r})
import airflow_local_settings, sqlalchemy
normal = sqlalchemy.create_engine("sqlite:///x.db").connect().exec_driver_sql("PRAGMA synchronous").scalar() == 1
print(normal, "mcp.client.streamable_http" in sys.modules)
"""


@pytest.mark.parametrize(("command", "lock"), [("backfill", "locked"), ("scheduler", "free")])
def test_only_a_backfill_begins_with_the_write_lock(tmp_path, command, lock):
    assert said(CODE, command, tmp_path) == [lock, "0"]


@pytest.mark.parametrize(("command", "imported"), [("api-server", "False"), ("scheduler", "True")])
def test_nobody_waits_for_the_disk_and_what_forks_tasks_has_imported_the_client(tmp_path, command, imported):
    assert said(PACE, command, tmp_path) == ["True", imported]


def said(code: str, command: str, folder: Path) -> list[str]:
    """Words printed by `code` in the place of `airflow {command}`."""
    done = subprocess.run(
        [sys.executable, "-c", code.format(plugins=str(PLUGINS)), "airflow", command],
        cwd=folder, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.split()
