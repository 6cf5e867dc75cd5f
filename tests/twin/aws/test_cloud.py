"""moto's services through the twin: object history, notifications, secrets, auto scaling, and the seed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from aws_requests import client, training_job, wait_for

from twin.aws.seed import seed


def test_seed_is_idempotent_and_adopts_what_exists(server):
    first = seed(server.url, {"mlops/github-token": "twin-bot-token", "mlops/email-smtp": {"host": "127.0.0.1"}})
    assert seed(server.url, {"mlops/github-token": "twin-bot-token"}) == first
    manager = client(server, "secretsmanager")
    assert manager.get_secret_value(SecretId="mlops/github-token")["SecretString"] == "twin-bot-token"
    assert json.loads(manager.get_secret_value(SecretId="mlops/email-smtp")["SecretString"])["host"] == "127.0.0.1"
    seed(server.url, {"mlops/github-token": "new"})
    assert manager.get_secret_value(SecretId="mlops/github-token")["SecretString"] == "new"
    assert first["role_arn"] == "arn:aws:iam::123456789012:role/mlops-jobs"


def test_upload_below_datasets_is_told_to_the_queue_once(server, s3):
    queue = seed(server.url)["queue_url"]
    sqs = client(server, "sqs")
    sqs.purge_queue(QueueUrl=queue)
    s3.put_object(Bucket="mlops-datasets", Key="datasets/wine/raw/data.csv", Body=b"1")
    s3.put_object(Bucket="mlops-datasets", Key="models/x", Body=b"1")
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    keys = [json.loads(message["Body"])["Records"][0]["s3"]["object"]["key"] for message in messages]
    assert keys == ["datasets/wine/raw/data.csv"]


def test_object_can_be_as_old_as_a_test_needs(s3):
    s3.create_bucket(Bucket="history")
    s3.put_bucket_versioning(Bucket="history", VersioningConfiguration={"Status": "Enabled"})
    for day in ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00+01:00"):
        s3.put_object(Bucket="history", Key="k", Body=day.encode(), Metadata={"twin-last-modified": day})
    versions = s3.list_object_versions(Bucket="history")["Versions"]
    assert [(each["LastModified"], each["IsLatest"]) for each in versions] == [
        (datetime(2026, 1, 31, 23, tzinfo=UTC), True), (datetime(2026, 1, 1, tzinfo=UTC), False),
    ]  # fmt: skip
    assert s3.head_object(Bucket="history", Key="k")["LastModified"] == datetime(2026, 1, 31, 23, tzinfo=UTC)
    assert s3.list_objects_v2(Bucket="history")["Contents"][0]["LastModified"].month == 1


def test_versions_behind_a_delete_marker_can_all_be_deleted(s3):
    s3.create_bucket(Bucket="marked")
    s3.put_bucket_versioning(Bucket="marked", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="marked", Key="k", Body=b"1")
    s3.delete_object(Bucket="marked", Key="k")
    listed = s3.list_object_versions(Bucket="marked")
    gone = [{"Key": "k", "VersionId": each["VersionId"]} for each in listed["Versions"] + listed["DeleteMarkers"]]
    assert "Errors" not in s3.delete_objects(Bucket="marked", Delete={"Objects": gone})
    s3.delete_bucket(Bucket="marked")


@pytest.mark.parametrize("condition", [{"IfNoneMatch": "*"}, {"IfMatch": '"0"'}], ids=str)
def test_conditional_put_is_honoured(s3, condition):
    s3.put_object(Bucket="bucket", Key="conditional", Body=b"1")
    with pytest.raises(s3.exceptions.ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="bucket", Key="conditional", Body=b"2", **condition)


def test_uploads_in_parts_and_streams_arrive_whole(s3, tmp_path):
    path = tmp_path / "large"
    path.write_bytes(b"0123456789abcdef" * 700_000)
    s3.upload_file(str(path), "bucket", "large")
    assert s3.get_object(Bucket="bucket", Key="large")["Body"].read() == path.read_bytes()


def test_auto_scaling_of_a_variant_is_kept(server):
    scaling = client(server, "application-autoscaling")
    target = {
        "ServiceNamespace": "sagemaker", "ResourceId": "endpoint/e/variant/v",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }  # fmt: skip
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    scaling.put_scaling_policy(
        PolicyName="p", PolicyType="TargetTrackingScaling", **target,
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 70.0, "PredefinedMetricSpecification": metric},
    )  # fmt: skip
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"][0]["MaxCapacity"] == 3
    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert policies[0]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 70.0


def test_end_of_a_job_is_an_event(server, sagemaker, name):
    sqs, events = client(server, "sqs"), client(server, "events")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.sagemaker"], "detail": {"TrainingJobStatus": ["Completed"]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    sagemaker.create_training_job(**training_job(name))
    message = wait_for(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))[0]
    event = json.loads(message["Body"])
    assert event["detail-type"] == "SageMaker Training Job State Change"
    assert event["detail"]["TrainingJobName"] == name


def test_percentiles_of_values_put_by_others(server):
    cloudwatch = client(server, "cloudwatch")
    now = datetime.now(UTC)
    cloudwatch.put_metric_data(
        Namespace="N", MetricData=[{"MetricName": "m", "Value": value, "Timestamp": now} for value in range(1, 102)]
    )
    points = cloudwatch.get_metric_statistics(
        Namespace="N", MetricName="m", StartTime=now.replace(year=now.year - 1), EndTime=now.replace(year=now.year + 1),
        Period=86400, ExtendedStatistics=["p50", "p95"],
    )["Datapoints"]  # fmt: skip
    # 1..101: rank p of the way from first to last.
    assert points[0]["ExtendedStatistics"] == {"p50": 51.0, "p95": 96.0}
