"""Which messages of the bucket's queue are arrivals."""

from __future__ import annotations

import json

import pytest
from triggers.raw_data import created_keys, raw_keys


def _message(*keys, event="ObjectCreated:Put"):
    records = [{"eventName": event, "s3": {"object": {"key": key}}} for key in keys]
    return {"Body": json.dumps({"Records": records})}


def test_only_objects_of_a_raw_folder_are_arrivals():
    messages = [
        _message("datasets/wine/versions/v1.0.0/manifest.json", "datasets/wine/raw/data.csv"),
        _message("models/a"),
    ]
    assert raw_keys(messages) == ["datasets/wine/raw/data.csv"]


def test_a_key_told_twice_is_one_arrival():
    assert raw_keys([_message("datasets/a/raw/x"), _message("datasets/a/raw/x")]) == ["datasets/a/raw/x"]


def test_keys_are_decoded_as_s3_encodes_them():
    assert created_keys(_message("datasets/a/raw/my+file%281%29.csv")) == ["datasets/a/raw/my file(1).csv"]


def test_a_deletion_is_no_arrival():
    assert created_keys(_message("datasets/a/raw/x", event="ObjectRemoved:Delete")) == []


@pytest.mark.parametrize(
    "body", ["", "no json", "[]", "{}", '{"Event": "s3:TestEvent"}', '{"Records": [{}]}', '{"Records": 3}']
)
def test_a_strange_message_is_no_arrival(body):
    assert raw_keys([{"Body": body}]) == []
