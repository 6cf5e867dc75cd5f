"""An endpoint's log: there before its first line, kept as long as all others, archived where there is an archive."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from mlops.phases.deploy import log_group

GROUP = "/aws/sagemaker/Endpoints/mlops-toy"


def group(cloud):
    return cloud.logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]


def test_group_is_made_once_and_keeps_its_lines_for_ninety_days(services):
    for _ in range(2):
        log_group.keep(services.cloud, services.settings, "mlops-toy")
        assert group(services.cloud)["retentionInDays"] == 90


def test_group_of_sagemakers_own_making_gets_an_end_too(services):
    services.cloud.logs.create_log_group(logGroupName=GROUP)
    log_group.keep(services.cloud, services.settings, "mlops-toy")
    assert group(services.cloud)["retentionInDays"] == 90


@pytest.fixture
def archive(services):
    """The settings where Terraform made a stream for the archive."""
    cloud = services.cloud
    arn = cloud.client("firehose").create_delivery_stream(
        DeliveryStreamName="archive",
        ExtendedS3DestinationConfiguration={"RoleARN": "arn:aws:iam::1:role/a", "BucketARN": "arn:aws:s3:::a"},
    )["DeliveryStreamARN"]
    more = {"log_archive_arn": arn, "log_archive_role_arn": "arn:aws:iam::123456789012:role/mlops-log-feed"}
    return replace(services.settings, **more)


def test_lines_go_to_the_archive_and_a_second_time_changes_nothing(services, archive):
    for _ in range(2):
        log_group.keep(services.cloud, archive, "mlops-toy")
    (feed,) = services.cloud.logs.describe_subscription_filters(logGroupName=GROUP)["subscriptionFilters"]
    assert (feed["filterPattern"], feed["destinationArn"]) == ("", archive.log_archive_arn)
    assert feed["roleArn"].endswith("mlops-log-feed")


def test_what_cannot_be_set_is_an_error_in_the_log_and_no_failure(services, archive, caplog):
    gone = replace(archive, log_archive_arn=archive.log_archive_arn + "-gone")
    with caplog.at_level(logging.ERROR):
        log_group.keep(services.cloud, gone, "mlops-toy")
    assert "the log of endpoint mlops-toy" in caplog.text
    assert "nobody archives them" in caplog.text
