"""Traces: spans in by OTLP, segments out as X-Ray tells them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.twin.aws.conftest import client

TRACE = "1-4efaaf4d-1e8720b39541901950019ee5"


def exported(name="train job", parent=b"", failed=False, trace=TRACE):
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    service = resource.resource.attributes.add(key="service.name")
    service.value.string_value = "mlops-job"
    span = resource.scope_spans.add().spans.add(
        trace_id=bytes.fromhex(trace[2:].replace("-", "")), span_id=b"12345678", parent_span_id=parent, name=name,
        start_time_unix_nano=1_500_000_000, end_time_unix_nano=4_000_000_000,
    )  # fmt: skip
    for key, value in {"run_key": "gh-1", "algorithm": "xgboost"}.items():
        span.attributes.add(key=key).value.string_value = value
    if failed:
        span.status.code = 2
        span.status.message = "exit status 2"
    return request.SerializeToString()


def send(server, body, kind="application/x-protobuf"):
    request = urllib.request.Request(f"{server.url}/v1/traces", body, {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return reply.status


def segments(server, trace=TRACE):
    answer = client(server, "xray").batch_get_traces(TraceIds=[trace])
    return answer, [json.loads(each["Document"]) for one in answer["Traces"] for each in one["Segments"]]


def test_span_becomes_a_segment_that_the_run_key_finds(server):
    assert send(server, exported(parent=b"87654321", failed=True)) == 200
    answer, (segment,) = segments(server)
    assert answer["Traces"][0]["Duration"] == 2.5
    assert segment == {
        "trace_id": TRACE, "id": "3132333435363738", "parent_id": "3837363534333231", "name": "train job",
        "start_time": 1.5, "end_time": 4.0, "annotations": {"run_key": "gh-1"}, "service": {"name": "mlops-job"},
        "metadata": {"default": {"algorithm": "xgboost", "error": "exit status 2"}}, "fault": True,
    }  # fmt: skip
    assert server.twin.traces.of_run("gh-1") == [TRACE]


def test_span_that_comes_again_replaces_the_first(server):
    for name in ("first", "second"):
        send(server, exported(name, trace="1-73737373-737373737373737373737373"))
    _, found = segments(server, "1-73737373-737373737373737373737373")
    assert [segment["name"] for segment in found] == ["second"]


@pytest.mark.parametrize(("body", "kind"), [(b"{}", "application/json"), (b"\xff\xff", "application/x-protobuf")])
def test_what_is_no_span_in_protobuf_is_refused(server, body, kind):
    with pytest.raises(urllib.error.HTTPError) as refused:
        send(server, body, kind)
    assert refused.value.code in (400, 415)


def test_segments_that_the_sdk_puts_are_told_too(server):
    trace = "1-581cf771-a006649127e371903a2de979"
    document = {"trace_id": trace, "id": "70de5b6f19ff9a0a", "name": "lambda", "start_time": 1.0, "end_time": 2.0}
    xray = client(server, "xray")
    assert xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(document)])["UnprocessedTraceSegments"] == []
    assert segments(server, trace)[1] == [document]
    assert xray.put_trace_segments(TraceSegmentDocuments=["{}"])["UnprocessedTraceSegments"][0]["ErrorCode"]


def test_unknown_trace_is_said_to_be_unprocessed(server):
    assert segments(server, "1-00000000-000000000000000000000001")[0]["UnprocessedTraceIds"]
