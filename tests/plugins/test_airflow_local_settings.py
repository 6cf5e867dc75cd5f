"""`airflow backfill create` on SQLite takes the write lock before it reads; nothing else does."""

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


@pytest.mark.parametrize(("command", "lock"), [("backfill", "locked"), ("scheduler", "free")])
def test_only_a_backfill_begins_with_the_write_lock(tmp_path, command, lock):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(plugins=str(PLUGINS)), "airflow", command],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.split() == [lock, "0"]
