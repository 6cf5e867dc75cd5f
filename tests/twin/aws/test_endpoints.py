"""Endpoints over boto3: created, invoked, weighted, updated, rolled back, captured, measured."""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from aws_requests import ROLE, SERVE, client, wait_for
from botocore.exceptions import ClientError


def make_model(sagemaker, name, says=None, **environment):
    container = {"Image": SERVE, "Environment": {"NAME": says or name, **environment}}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)


def make_config(sagemaker, name, weights, **changes):
    """`weights`: model name -> weight; the variant is called as the model is."""
    variants = [
        {"VariantName": model, "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
         "InitialVariantWeight": weight}
        for model, weight in weights.items()
    ]  # fmt: skip
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, **changes)


def settled(sagemaker, name):
    def look():
        endpoint = sagemaker.describe_endpoint(EndpointName=name)
        return endpoint if endpoint["EndpointStatus"] in {"InService", "Failed"} else None

    return wait_for(look)


@pytest.fixture
def endpoint(sagemaker, name):
    """An endpoint in service with one variant that answers `<name>:<body>`."""
    make_model(sagemaker, name)
    make_config(sagemaker, name, {name: 1.0})
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert settled(sagemaker, name)["EndpointStatus"] == "InService"
    yield name
    wait_for(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] in {"InService", "Failed"})
    sagemaker.delete_endpoint(EndpointName=name)


def invoke(runtime, endpoint, body=b"x", **more):
    answer = runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType="application/json", **more)
    return answer, answer["Body"].read()


def test_endpoint_is_created_then_in_service_then_answers(sagemaker, runtime, name):
    make_model(sagemaker, name)
    make_config(sagemaker, name, {name: 1.0})
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating"
    variant = settled(sagemaker, name)["ProductionVariants"][0]
    assert (variant["VariantName"], variant["CurrentWeight"], variant["CurrentInstanceCount"]) == (name, 1.0, 1)
    assert variant["DeployedImages"][0]["SpecifiedImage"] == SERVE
    answer, body = invoke(runtime, name)
    assert body == f"{name}:x".encode()
    assert answer["InvokedProductionVariant"] == name
    assert answer["CustomAttributes"] == f"version={name}"
    assert answer["ContentType"] == "application/json"
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.describe_endpoint(EndpointName=name)


def test_model_archive_is_unpacked_for_the_server(sagemaker, runtime, s3, name):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("name")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"fromS"))
    s3.put_object(Bucket="bucket", Key=f"{name}.tar.gz", Body=packed.getvalue())
    container = {"Image": SERVE, "ModelDataUrl": f"s3://bucket/{name}.tar.gz", "Environment": {"NAME": ""}}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    make_config(sagemaker, name, {name: 1.0})
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    settled(sagemaker, name)
    assert invoke(runtime, name)[1] == b"fromS:x"


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({"Image": SERVE, "ModelDataUrl": "s3://bucket/no.tar.gz"}, "Failed to download model data"),
        ({"Image": "unknown:1"}, "Cannot find repository"),
    ],
    ids=["model", "image"],
)
def test_endpoint_that_cannot_serve_fails_with_the_reason(sagemaker, name, container, words):
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {"VariantName": "one", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        ],
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    endpoint = settled(sagemaker, name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert words in endpoint["FailureReason"]


@pytest.mark.parametrize("create", ["model", "endpoint_config", "endpoint"])
def test_duplicate_names_are_validation_errors(sagemaker, endpoint, create):
    requests = {
        "model": lambda: make_model(sagemaker, endpoint),
        "endpoint_config": lambda: make_config(sagemaker, endpoint, {endpoint: 1.0}),
        "endpoint": lambda: sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=endpoint),
    }
    with pytest.raises(ClientError, match="Cannot create already existing") as refused:
        requests[create]()
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_traffic_follows_the_weights_and_the_target_variant(sagemaker, runtime, name):
    a, b = f"{name}-a", f"{name}-b"
    for model in (a, b):
        make_model(sagemaker, model)
    make_config(sagemaker, name, {a: 9.0, b: 1.0})
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    settled(sagemaker, name)
    seen = Counter(invoke(runtime, name)[0]["InvokedProductionVariant"] for _ in range(100))
    assert 70 <= seen[a] <= 99
    assert invoke(runtime, name, TargetVariant=b)[1] == f"{b}:x".encode()
    weights = [{"VariantName": a, "DesiredWeight": 0}, {"VariantName": b, "DesiredWeight": 1}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=weights)
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Updating"
    variants = settled(sagemaker, name)["ProductionVariants"]
    assert [(v["CurrentWeight"], v["DesiredWeight"]) for v in variants] == [(0, 0), (1, 1)]
    assert {invoke(runtime, name)[0]["InvokedProductionVariant"] for _ in range(20)} == {b}


def test_update_serves_the_new_model_and_never_stops_answering(sagemaker, runtime, endpoint):
    new = f"{endpoint}-new"
    make_model(sagemaker, new)
    make_config(sagemaker, new, {new: 1.0})
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
    during = sagemaker.describe_endpoint(EndpointName=endpoint)
    assert (during["EndpointStatus"], during["EndpointConfigName"]) == ("Updating", endpoint)
    seen = []
    while sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Updating":
        seen.append(invoke(runtime, endpoint)[1])
    assert set(seen) <= {f"{endpoint}:x".encode(), f"{new}:x".encode()}
    after = settled(sagemaker, endpoint)
    assert (after["EndpointConfigName"], "FailureReason" in after) == (new, False)
    assert invoke(runtime, endpoint)[1] == f"{new}:x".encode()


def test_call_that_is_under_way_during_an_update_gets_its_answer(sagemaker, runtime, endpoint):
    new = f"{endpoint}-new"
    make_model(sagemaker, new)
    make_config(sagemaker, new, {new: 1.0})
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(invoke, runtime, endpoint, b"slow") for _ in range(4)]
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
        assert {answer.result()[1] for answer in slow} == {f"{endpoint}:slow".encode()}
    settled(sagemaker, endpoint)


def test_update_that_does_not_become_healthy_rolls_back(server, sagemaker, runtime, endpoint):
    bad = f"{endpoint}-bad"
    make_model(sagemaker, bad)
    make_config(sagemaker, bad, {bad: 1.0})
    server.twin.faults.add({"fault": "ping", "name": bad})
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=bad)
    with pytest.raises(ClientError, match="in-progress"):
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=bad)
    after = settled(sagemaker, endpoint)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", endpoint)
    assert "did not pass the ping health check" in after["FailureReason"]
    assert invoke(runtime, endpoint)[1] == f"{endpoint}:x".encode()


def test_update_may_keep_the_weights_of_variants(sagemaker, name):
    a, b = f"{name}-a", f"{name}-b"
    for model in (a, b):
        make_model(sagemaker, model)
    for config in (name, f"{name}-2"):
        make_config(sagemaker, config, {a: 1.0, b: 1.0})
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    settled(sagemaker, name)
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": a, "DesiredWeight": 5, "DesiredInstanceCount": 3}],
    )
    settled(sagemaker, name)
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-2", RetainAllVariantProperties=True)
    variants = settled(sagemaker, name)["ProductionVariants"]
    assert [(v["CurrentWeight"], v["CurrentInstanceCount"]) for v in variants] == [(5, 3), (1, 1)]


@pytest.mark.parametrize(
    ("body", "status", "message"), [(b"bad", 400, '{"error": "bad row"}'), (b"broken", 500, "boom")]
)
def test_container_error_becomes_model_error(runtime, endpoint, body, status, message):
    with pytest.raises(ClientError) as failed:
        invoke(runtime, endpoint, body)
    answer = failed.value.response
    assert answer["Error"]["Code"] == "ModelError"
    assert (answer["OriginalStatusCode"], answer["OriginalMessage"]) == (status, message)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424


def test_unknown_endpoint_and_variant_are_validation_errors(runtime, endpoint):
    for target in ({"EndpointName": "nobody"}, {"EndpointName": endpoint, "TargetVariant": "none"}):
        with pytest.raises(ClientError) as refused:
            runtime.invoke_endpoint(Body=b"x", **target)
        assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_server_that_dies_is_started_anew(runtime, endpoint):
    with pytest.raises(ClientError):
        invoke(runtime, endpoint, b"die")

    def alive():
        try:
            return invoke(runtime, endpoint)[1]
        except ClientError:
            return None

    assert wait_for(alive) == f"{endpoint}:x".encode()


def test_capture_writes_both_sides_in_sagemakers_layout(server, sagemaker, runtime, s3, name):
    make_model(sagemaker, name)
    capture = {
        "EnableCapture": True, "InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://bucket/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }  # fmt: skip
    make_config(sagemaker, name, {name: 1.0}, DataCaptureConfig=capture)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert settled(sagemaker, name)["DataCaptureConfig"]["CaptureStatus"] == "Started"
    invoke(runtime, name, b'{"a": 1}', InferenceId="id-1")
    wait_for(lambda: s3.list_objects_v2(Bucket="bucket", Prefix=f"captured/{name}/").get("Contents"))
    found = s3.list_objects_v2(Bucket="bucket", Prefix=f"captured/{name}/")["Contents"]
    key = found[0]["Key"]
    assert key.startswith(f"captured/{name}/{name}/{datetime.now(UTC):%Y/%m/%d/}")
    record = json.loads(s3.get_object(Bucket="bucket", Key=key)["Body"].read())
    assert record["captureData"]["endpointInput"] == {
        "observedContentType": "application/json", "mode": "INPUT", "data": '{"a": 1}', "encoding": "JSON",
    }  # fmt: skip
    assert record["captureData"]["endpointOutput"]["data"] == name + ':{"a": 1}'
    assert record["eventMetadata"]["inferenceId"] == "id-1"


def test_invocations_are_measured_with_percentiles(server, runtime, endpoint):
    for body in (b"1", b"2", b"3", b"bad"):
        try:
            invoke(runtime, endpoint, body)
        except ClientError:
            continue
    cloudwatch = client(server, "cloudwatch")
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": endpoint}]
    end = datetime.now(UTC) + timedelta(minutes=1)
    question = {
        "Namespace": "AWS/SageMaker", "Dimensions": dimensions, "StartTime": end - timedelta(minutes=10),
        "EndTime": end, "Period": 600,
    }  # fmt: skip

    def total(metric):
        points = cloudwatch.get_metric_statistics(MetricName=metric, Statistics=["Sum"], **question)["Datapoints"]
        return sum(point["Sum"] for point in points)

    assert (total("Invocations"), total("Invocation4XXErrors"), total("Invocation5XXErrors")) == (4, 1, 0)
    point = cloudwatch.get_metric_statistics(
        MetricName="ModelLatency", Statistics=["Maximum"], ExtendedStatistics=["p50", "p95", "p99"], **question
    )["Datapoints"][0]
    assert 0 < point["ExtendedStatistics"]["p50"] <= point["ExtendedStatistics"]["p99"] <= point["Maximum"] < 5e6
    assert point["Unit"] == "Microseconds"
    query = {
        "Id": "p", "MetricStat": {"Metric": {"Namespace": "AWS/SageMaker", "MetricName": "ModelLatency",
                                             "Dimensions": dimensions}, "Period": 600, "Stat": "p95"},
    }  # fmt: skip
    data = cloudwatch.get_metric_data(MetricDataQueries=[query], StartTime=question["StartTime"], EndTime=end)
    assert data["MetricDataResults"][0]["Values"][0] > 0


def test_config_of_unknown_model_and_endpoint_of_unknown_config_are_refused(sagemaker):
    with pytest.raises(ClientError, match="Could not find model"):
        make_config(sagemaker, "c-without-model", {"no-such-model": 1.0})
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        sagemaker.create_endpoint(EndpointName="e-without-config", EndpointConfigName="none")
