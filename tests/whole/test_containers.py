"""The whole system in the images of docker/: Airflow, the MCP server, jobs and the endpoint, each in a container."""

from __future__ import annotations

import json

import pytest

from tests.whole.conftest import running
from twin import composition, engine
from twin.follow import read_example
from twin.layout import PROJECT

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def run_by():
    try:
        composition.require_images()
    except engine.EngineMissing as missing:
        pytest.skip(f"not run in containers: {missing}")
    return engine.find()


def test_issue_is_carried_to_a_served_model_and_no_container_stays(run_by, tmp_path):
    example = read_example(PROJECT / "examples" / "issues" / "breast_cancer_xgboost.md")
    with running(tmp_path / "twin", CONTAINERS="1") as system:
        home = str(system.layout.home)
        issue = system.file_issue(example.body)
        record = system.finished(issue)
        assert record["outcome"] == "deployed"
        there = " ".join(run_by.containers(home))
        for part in ("airflow-scheduler", "airflow-triggerer", "airflow-dag-processor", "airflow-api-server", "-mcp-"):
            assert part in there
        rows = "\n".join([system.rows("breast_cancer")[0], *system.rows("breast_cancer")[1][:2]])
        endpoint = record["phases"]["deploy"]["handle"]["endpoint"]
        reply = system.aws("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, Body=rows.encode(), ContentType="text/csv"
        )
        assert len(json.loads(reply["Body"].read())["predictions"]) == 2
        assert endpoint[:20] in there
    assert run_by.containers(home) == []
