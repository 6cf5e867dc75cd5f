"""Keys out of the queue's messages."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from operators.arrivals import ArrivalOperator, arrived_keys

RAW = "datasets/wine/raw/data.csv"


def event(*keys, name="ObjectCreated:Put"):
    body = {"Records": [{"eventName": name, "s3": {"object": {"key": key}}} for key in keys]}
    return {"payload": {"message_batch": [{"Body": json.dumps(body)}]}}


def test_keys_come_once_and_decoded():
    """S3 writes keys into its events as in a URL's query."""
    found = arrived_keys([event("datasets/wine/raw/a+b.csv", "datasets/x/raw/x"), event("datasets/x/raw/x")])
    assert found == ["datasets/wine/raw/a b.csv", "datasets/x/raw/x"]


def test_deleted_objects_and_test_events_are_no_arrivals():
    test_event = {"payload": {"message_batch": [{"Body": '{"Event": "s3:TestEvent"}'}]}}
    assert arrived_keys([event(RAW, name="ObjectRemoved:Delete"), test_event, {}]) == []


def triggered(context, *extras):
    return {**context, "triggering_asset_events": {"raw_data": [SimpleNamespace(extra=extra) for extra in extras]}}


def test_same_arrival_in_the_same_run_has_the_same_id(bridge_server, script, context):
    script.on("consider_new_data", {"decisions": []})
    operator = ArrivalOperator(task_id="arrival", agent="retrain")
    operator.execute(triggered(context, event("datasets/x/raw/x")))
    operator.execute(triggered(context, event("datasets/x/raw/x")))
    assert script.asked[0] == script.asked[1]
    assert script.asked[0][1]["keys"] == ["datasets/x/raw/x"]


def test_run_without_objects_is_skipped(bridge_server, context):
    with pytest.raises(AirflowSkipException):
        ArrivalOperator(task_id="arrival", agent="retrain").execute(triggered(context))
