"""Airflow's API over HTTP, against a stand-in with its status codes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlops.airflow_api import MWAA_PATH_LIMIT, AirflowApi, HttpTransport, MwaaTransport
from mlops.aws import Cloud
from mlops.errors import Conflict, RequestRefused, Unavailable
from tests.mlops.stand_ins import AirflowStandIn, ServerThread, mwaa_in_front_of


@pytest.fixture
def airflow() -> Iterator[tuple[AirflowApi, AirflowStandIn]]:
    stand_in = AirflowStandIn()
    with ServerThread(stand_in.app) as server:
        yield AirflowApi(HttpTransport(server.url, "admin", "secret")), stand_in


def test_a_run_is_created_once_and_found_afterwards(airflow):
    api, stand_in = airflow
    assert api.create_run("lifecycle", "gh-1-2-abc", {"name": "x"}) is True
    assert api.create_run("lifecycle", "gh-1-2-abc", {"name": "x"}) is False
    assert stand_in.creates == ["gh-1-2-abc"]
    assert api.get_run("lifecycle", "gh-1-2-abc")["state"] == "queued"


def test_a_run_of_the_same_id_with_other_parameters_is_a_conflict(airflow):
    api, _ = airflow
    api.create_run("lifecycle", "run", {"name": "x"})
    with pytest.raises(Conflict, match="other parameters"):
        api.create_run("lifecycle", "run", {"name": "y"})


def test_a_lost_reply_is_no_second_run_and_no_failure(airflow):
    api, stand_in = airflow
    stand_in.fail_after_effect = 1
    assert api.create_run("lifecycle", "run", {}) is False
    assert stand_in.creates == ["run"]


def test_a_token_that_expired_is_fetched_again(airflow):
    api, stand_in = airflow
    api.create_run("lifecycle", "run", {})
    stand_in.token = "second"
    assert api.get_run("lifecycle", "run")["dag_run_id"] == "run"
    assert stand_in.logins == 2


def test_a_wrong_password_is_refused_by_name():
    stand_in = AirflowStandIn()
    with ServerThread(stand_in.app) as server, pytest.raises(RequestRefused, match="log in"):
        AirflowApi(HttpTransport(server.url, "admin", "wrong")).get_run("lifecycle", "run")


def test_a_dag_that_is_not_parsed_yet_is_asked_for_later(airflow):
    api, _ = airflow
    with pytest.raises(Unavailable, match="lifecycle_v2"):
        api.create_run("lifecycle_v2", "run", {})


def test_an_airflow_that_is_away_is_unavailable(airflow):
    api, stand_in = airflow
    stand_in.down = True
    with pytest.raises(Unavailable):
        api.get_run("lifecycle", "run")
    with pytest.raises(Unavailable, match="did not answer"):
        AirflowApi(HttpTransport("http://127.0.0.1:9", "admin", "secret")).get_run("lifecycle", "run")


def test_a_run_is_ended_unless_it_ended_before(airflow):
    api, stand_in = airflow
    assert api.end_run("lifecycle", "run") is False
    api.create_run("lifecycle", "manual__2026-11-23T10:00:00+00:00", {})
    assert api.end_run("lifecycle", "manual__2026-11-23T10:00:00+00:00") is True
    stand_in.runs["done"] = {"dag_run_id": "done", "state": "success", "conf": {}}
    assert api.end_run("lifecycle", "done") is True
    assert [run["state"] for run in stand_in.runs.values()] == ["failed", "success"]


def test_runs_are_listed_by_state(airflow):
    api, stand_in = airflow
    api.create_run("lifecycle", "one", {})
    stand_in.runs["two"] = {"dag_run_id": "two", "state": "success", "conf": {}}
    assert [run["dag_run_id"] for run in api.list_runs("lifecycle", state="success")] == ["two"]
    assert api.get_run("lifecycle", "three") is None


# -- Amazon MWAA -------------------------------------------------------------------------------------------------------
@pytest.fixture
def mwaa(monkeypatch) -> Iterator[tuple[AirflowApi, AirflowStandIn]]:
    """InvokeRestApi in front of the same stand-in, as botocore's own model describes it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "twin")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "twin")
    stand_in = AirflowStandIn()
    with ServerThread(mwaa_in_front_of(stand_in)) as server:
        cloud = Cloud(endpoint_url=server.url, region="us-east-1")
        yield AirflowApi(MwaaTransport(cloud, "mlops")), stand_in


def test_mwaa_starts_reads_and_ends_runs(mwaa):
    api, stand_in = mwaa
    assert api.create_run("lifecycle", "run", {"name": "x"}) is True
    assert api.create_run("lifecycle", "run", {"name": "x"}) is False
    assert api.end_run("lifecycle", "run") is True
    assert api.get_run("lifecycle", "run")["state"] == "failed"
    assert api.get_run("lifecycle", "none") is None
    assert stand_in.creates == ["run"]


def test_a_run_key_too_long_for_mwaas_paths_is_found_by_query(mwaa):
    api, _ = mwaa
    key = "gh-1234567890-12345-0123456789ab-m12-r3"
    assert len(f"/dags/lifecycle/dagRuns/{key}") <= MWAA_PATH_LIMIT
    longer = "manual__2026-11-23T10:00:00+00:00"
    api.create_run("lifecycle", longer, {})
    assert api.get_run("lifecycle", longer)["dag_run_id"] == longer


def test_an_mwaa_that_is_away_is_unavailable(mwaa):
    api, stand_in = mwaa
    stand_in.down = True
    with pytest.raises(Unavailable):
        api.get_run("lifecycle", "run")
