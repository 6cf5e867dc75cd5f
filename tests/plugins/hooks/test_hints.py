"""Hints in a real queue end a pause; nothing else depends on them."""

from __future__ import annotations

import asyncio
import json
import time

import boto3
import pytest
from hooks.hints import hint


@pytest.fixture
def queue(monkeypatch):
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    connection = {"conn_type": "aws", "extra": {"endpoint_url": url, "region_name": "us-east-1"}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "twin")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "twin")
    sqs = boto3.client("sqs", endpoint_url=url, region_name="us-east-1")
    address = sqs.create_queue(QueueName="mlops-webhooks")["QueueUrl"]
    yield sqs, address
    server.stop()


def test_hint_ends_the_pause_and_all_that_lie_there_are_taken(queue):
    sqs, address = queue
    for number in range(3):
        sqs.send_message(QueueUrl=address, MessageBody=json.dumps({"issue": number}))
    began = time.monotonic()
    assert asyncio.run(hint(address, 60)) is True
    assert time.monotonic() - began < 30
    attributes = sqs.get_queue_attributes(QueueUrl=address, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_without_a_hint_it_is_a_pause(queue):
    _, address = queue
    assert asyncio.run(hint(address, 0.2)) is False


def test_queue_that_does_not_answer_is_a_pause(queue, caplog):
    _, address = queue
    assert asyncio.run(hint(address + "-gone", 0.1)) is False
    assert "No hints from" in caplog.text


def test_without_a_queue_it_is_a_pause():
    assert asyncio.run(hint("", 0.01)) is False
