"""What moto gets wrong and the twin mends: policies with conditions, queues, alarms, targets of events."""

from __future__ import annotations

import json

import pytest
from aws_requests import client, wait_for

TLS_ONLY = {
    "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}  # fmt: skip


def test_bucket_that_denies_calls_without_tls_still_takes_objects(s3):
    s3.create_bucket(Bucket="tls")
    statement = {**TLS_ONLY, "Resource": ["arn:aws:s3:::tls", "arn:aws:s3:::tls/*"]}
    s3.put_bucket_policy(Bucket="tls", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    s3.put_object(Bucket="tls", Key="k", Body=b"1")
    assert s3.get_object(Bucket="tls", Key="k")["Body"].read() == b"1"


def test_deny_without_a_condition_is_obeyed(s3):
    s3.create_bucket(Bucket="closed")
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::closed/*"}
    s3.put_object(Bucket="closed", Key="k", Body=b"1")
    s3.put_bucket_policy(Bucket="closed", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    with pytest.raises(s3.exceptions.ClientError, match="Forbidden"):
        s3.get_object(Bucket="closed", Key="k")


def test_queue_keeps_its_policy_when_something_else_is_set(server, name):
    sqs = client(server, "sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    allow = json.dumps({"redrivePermission": "denyAll"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedriveAllowPolicy": allow})
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["RedriveAllowPolicy"] == allow
    assert json.loads(found["Policy"])["Statement"] == [statement]


def test_composite_alarm_is_one(server, name):
    cloudwatch = client(server, "cloudwatch")
    cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule='ALARM("x")')
    found = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])
    assert found["CompositeAlarms"][0]["AlarmRule"] == 'ALARM("x")'


def test_rule_tells_a_topic_and_a_queue_of_the_same_event(server, name):
    sns, sqs, events = (client(server, each) for each in ("sns", "sqs", "events"))
    topic = sns.create_topic(Name=name)["TopicArn"]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": topic}, {"Id": "q", "Arn": queue}])
    events.put_events(Entries=[{"Source": name, "DetailType": "d", "Detail": '{"a": 1}'}])
    bodies: list[dict] = []

    def both() -> bool:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        bodies.extend(json.loads(each["Body"]) for each in found)
        return len(bodies) == 2

    wait_for(both)
    by_topic = next(each for each in bodies if "TopicArn" in each)
    assert json.loads(by_topic["Message"])["detail"] == {"a": 1}


def test_bucket_that_tells_eventbridge_says_so(s3):
    s3.create_bucket(Bucket="telling")
    s3.put_bucket_notification_configuration(
        Bucket="telling", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    assert s3.get_bucket_notification_configuration(Bucket="telling")["EventBridgeConfiguration"] == {}


def test_archive_tier_of_a_bucket_is_kept_until_it_is_deleted(s3):
    s3.create_bucket(Bucket="tiers")
    tiers = [{"AccessTier": "ARCHIVE_ACCESS", "Days": 180}]
    chosen = {"Id": "cold", "Status": "Enabled", "Tierings": tiers}
    s3.put_bucket_intelligent_tiering_configuration(Bucket="tiers", Id="cold", IntelligentTieringConfiguration=chosen)
    found = s3.get_bucket_intelligent_tiering_configuration(Bucket="tiers", Id="cold")
    assert found["IntelligentTieringConfiguration"] == chosen
    s3.delete_bucket_intelligent_tiering_configuration(Bucket="tiers", Id="cold")
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchConfiguration"):
        s3.get_bucket_intelligent_tiering_configuration(Bucket="tiers", Id="cold")


def test_service_says_how_it_is_deployed(server, name):
    ecs = client(server, "ecs")
    ecs.create_cluster(clusterName=name)
    ecs.register_task_definition(family=name, containerDefinitions=[{"name": "c", "image": "i", "memory": 64}])
    breaker = {"enable": True, "rollback": True}
    ecs.create_service(
        cluster=name, serviceName="s", taskDefinition=name, desiredCount=1,
        deploymentConfiguration={"deploymentCircuitBreaker": breaker, "maximumPercent": 200},
    )  # fmt: skip
    found = ecs.describe_services(cluster=name, services=["s"])["services"][0]
    assert found["deploymentConfiguration"]["deploymentCircuitBreaker"] == breaker


def test_rule_between_two_groups_keeps_its_description(server):
    ec2 = client(server, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    pair = {"GroupId": group, "Description": "between a job's instances"}
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [pair]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    assert "between a job's instances" in [each.get("Description") for each in rules]
