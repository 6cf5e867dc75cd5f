"""What is sent where: webhooks, events, schedules, messages."""

from __future__ import annotations

import json
from typing import Any

from moto.events.models import EventPattern

from twin.infra.checks.looking import (
    Account,
    Values,
    Wrong,
    encrypted_by_ours,
    expect,
    looks_at,
    only,
    refuses_without_tls,
    region_of,
)


@looks_at("aws_apigatewayv2_api")
def api(account: Account, values: Values) -> str:
    found = account("apigatewayv2").get_api(ApiId=values["id"])
    expect(found["ProtocolType"], "HTTP", "its kind")
    return "HTTP"


@looks_at("aws_apigatewayv2_integration")
def integration(account: Account, values: Values) -> str:
    found = account("apigatewayv2").get_integration(ApiId=values["api_id"], IntegrationId=values["id"])
    expect("mlops-webhook" in found["IntegrationUri"], True, "the function behind it")
    return "the webhook's function"


@looks_at("aws_apigatewayv2_route")
def api_route(account: Account, values: Values) -> str:
    found = account("apigatewayv2").get_route(ApiId=values["api_id"], RouteId=values["id"])
    expect(found["RouteKey"], "POST /github", "the route")
    return found["RouteKey"]


@looks_at("aws_apigatewayv2_stage")
def stage(account: Account, values: Values) -> str:
    found = account("apigatewayv2").get_stage(ApiId=values["api_id"], StageName=values["name"])
    expect(found["DefaultRouteSettings"]["ThrottlingRateLimit"], 50.0, "calls a second")
    expect("apigateway" in found["AccessLogSettings"]["DestinationArn"], True, "the access log")
    return "50 calls a second, logged"


_TRAINING, _PROCESSING = "SageMaker Training Job State Change", "SageMaker Processing Job State Change"
_SAMPLES = {
    "training-failed": [
        (_TRAINING, {"TrainingJobStatus": "Failed"}, True), (_TRAINING, {"TrainingJobStatus": "Completed"}, False),
    ],
    "processing-failed": [
        (_PROCESSING, {"ProcessingJobStatus": "Stopped"}, True), (_TRAINING, {"TrainingJobStatus": "Failed"}, False),
    ],
    "endpoint-failed": [
        ("SageMaker Endpoint State Change", {"EndpointStatus": "FAILED"}, True),
        ("SageMaker Endpoint State Change", {"EndpointStatus": "IN_SERVICE"}, False),
    ],
    "backup-failed": [
        ("Backup Job State Change", {"state": "FAILED"}, True), ("Copy Job State Change", {"state": "ABORTED"}, True),
        ("Restore Job State Change", {"status": "FAILED"}, True),
        ("Backup Job State Change", {"state": "COMPLETED"}, False),
    ],
}  # fmt: skip
"""Rule -> events as AWS sends them (the parts that decide), and whether the rule takes them."""


@looks_at("aws_cloudwatch_event_rule")
def event_rule(account: Account, values: Values) -> str:
    found = account("events").describe_rule(Name=values["name"])
    expect(found["State"], "ENABLED", "its state")
    pattern = EventPattern.load(found["EventPattern"])
    for kind, detail, rings in _SAMPLES.get(values["name"].removeprefix("mlops-"), ()):
        source = "aws.sagemaker" if kind.startswith("SageMaker") else "aws.backup"
        event: Any = {"source": source, "detail-type": kind, "detail": detail}
        expect(pattern.matches_event(event), rings, f"what it makes of {kind} {detail}")
    return ", ".join(json.loads(found["EventPattern"])["source"])


@looks_at("aws_cloudwatch_event_target")
def event_target(account: Account, values: Values) -> str:
    found = account("events").list_targets_by_rule(Rule=values["rule"])["Targets"]
    return "to " + only(found, "targets")["Arn"].split(":", 5)[5]


@looks_at("aws_scheduler_schedule_group")
def schedule_group(account: Account, values: Values) -> str:
    expect(account("scheduler").get_schedule_group(Name=values["name"])["State"], "ACTIVE", "its state")
    return "active"


@looks_at("aws_scheduler_schedule")
def schedule(account: Account, values: Values) -> str:
    found = account("scheduler").get_schedule(Name=values["name"], GroupName=values["group_name"])
    expect(found["State"], "ENABLED", "its state")
    expect("DeadLetterConfig" in found["Target"], True, "a queue for what fails")
    if len(json.loads(found["Target"]["Input"])["Path"]) > 64:
        raise Wrong("MWAA takes paths of at most 64 characters")
    return found["ScheduleExpression"]


@looks_at("aws_sns_topic")
def topic(account: Account, values: Values) -> str:
    found = account("sns", region_of(values["arn"])).get_topic_attributes(TopicArn=values["arn"])["Attributes"]
    encrypted_by_ours(found.get("KmsMasterKeyId"), "the topic")
    return "SSE-KMS"


@looks_at("aws_sns_topic_policy")
def topic_policy(account: Account, values: Values) -> str:
    sns = account("sns", region_of(values["arn"]))
    found = sns.get_topic_attributes(TopicArn=values["arn"])["Attributes"]["Policy"]
    refuses_without_tls(found, "the topic")
    return "TLS only"


@looks_at("aws_sns_topic_subscription")
def subscription(account: Account, values: Values) -> str:
    sns = account("sns", region_of(values["topic_arn"]))
    found = sns.list_subscriptions_by_topic(TopicArn=values["topic_arn"])["Subscriptions"]
    one = only((each for each in found if each["Endpoint"] == values["endpoint"]), "subscriptions")
    return f"{one['Protocol']} to {one['Endpoint']}"


@looks_at("aws_kinesis_firehose_delivery_stream")
def delivery_stream(account: Account, values: Values) -> str:
    found = account("firehose").describe_delivery_stream(DeliveryStreamName=values["name"])["DeliveryStreamDescription"]
    expect(found["DeliveryStreamStatus"], "ACTIVE", "its status")
    target = found["Destinations"][0]["ExtendedS3DestinationDescription"]["BucketARN"].rpartition(":")[2]
    expect("log-archive" in target, True, "the archive as its target")
    return f"to {target}"
