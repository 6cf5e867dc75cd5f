"""A loss takes everything that the thing held, and says what that was."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from twin.aws.clients import client
from twin.aws.options import Options
from twin.aws.server import start
from twin.layout import PORTS, Layout
from twin.rehearsal import losses


@pytest.fixture
def s3(tmp_path):
    with start(state_dir=tmp_path, options=Options()) as server:
        s3 = client(server.url, "s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
        yield s3


def test_a_lost_bucket_has_no_version_and_no_marker_left(s3):
    for body in (b"one", b"two"):
        s3.put_object(Bucket="bucket", Key="a", Body=body)
    s3.put_object(Bucket="bucket", Key="b", Body=b"")
    s3.delete_object(Bucket="bucket", Key="b")
    assert losses.lose_objects(s3, "bucket") == 4
    left = s3.list_object_versions(Bucket="bucket")
    assert "Versions" not in left
    assert "DeleteMarkers" not in left


def test_the_inventory_tells_content_and_time_of_what_stands(s3):
    s3.put_object(Bucket="bucket", Key="a", Body=b"one")
    s3.put_object(Bucket="bucket", Key="gone", Body=b"")
    s3.delete_object(Bucket="bucket", Key="gone")
    (key, standing), *more = losses.inventory(s3, "bucket").items()
    assert (key, standing.sha256, more) == ("a", hashlib.sha256(b"one").hexdigest(), [])
    assert abs(standing.written - datetime.now(UTC).timestamp()) < 60


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path, dict(PORTS))
    losses.database_of(layout).parent.mkdir()
    return layout


def test_runs_of_a_database_that_is_not_there_yet_are_none(layout):
    assert losses.airflow_runs(layout, "lifecycle") == {}
    assert losses.task_states(layout, "gh-1") == {}
    assert not losses.database_of(layout).exists(), "looking makes no file"


def test_runs_and_tasks_are_read_from_the_database(layout):
    made = datetime.now(UTC) - timedelta(seconds=90)
    with sqlite3.connect(losses.database_of(layout)) as database:
        database.execute("CREATE TABLE dag_run (dag_id, run_id, run_after)")
        database.execute("INSERT INTO dag_run VALUES ('lifecycle', 'gh-1', ?)", (made.isoformat(" "),))
        database.execute("CREATE TABLE task_instance (run_id, task_id, state)")
        database.execute("INSERT INTO task_instance VALUES ('gh-1', 'train.train_model', 'deferred')")
    assert losses.airflow_runs(layout, "lifecycle") == {"gh-1": pytest.approx(made.timestamp())}
    assert losses.airflow_runs(layout, "monitoring") == {}
    assert losses.task_states(layout, "gh-1") == {"train.train_model": "deferred"}
