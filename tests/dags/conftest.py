"""All DAG files, parsed once as Airflow's processor does it."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Airflow makes its folder when it is imported: nobody's own may be touched.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-"))
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(ROOT / "plugins")


@pytest.fixture(scope="session")
def parsed():
    """(DagBag, seconds it took); the queue is set up, as on AWS."""
    os.environ["MLOPS_DATA_QUEUE_URL"] = "http://127.0.0.1:9/123456789012/mlops-data-events"
    from airflow.dag_processing.dagbag import DagBag

    began = time.process_time()
    bag = DagBag(str(ROOT / "dags"))
    return bag, time.process_time() - began


@pytest.fixture(scope="session")
def dags(parsed):
    bag, _ = parsed
    assert bag.import_errors == {}
    return bag.dags
