"""Objects come back from the copy with their content, and what was written since is not overwritten."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

import pytest
from moto.s3.models import s3_backends

from mlops.errors import RequestRefused
from mlops.recovery import bucket
from mlops.recovery.__main__ import recover_bucket
from mlops.recovery.bucket import Silence, State

BUCKET, REPLICA = "mlops-bucket", "mlops-lifecycle-replica"


@pytest.fixture
def s3(services):
    s3 = services.cloud.s3
    s3.create_bucket(Bucket=REPLICA)
    s3.put_bucket_versioning(Bucket=REPLICA, VersioningConfiguration={"Status": "Enabled"})
    rule = {
        "ID": "everything", "Status": "Enabled", "Priority": 1, "Filter": {},
        "DeleteMarkerReplication": {"Status": "Enabled"}, "Destination": {"Bucket": f"arn:aws:s3:::{REPLICA}"},
    }  # fmt: skip
    s3.put_bucket_replication(
        Bucket=BUCKET, ReplicationConfiguration={"Role": "arn:aws:iam::123456789012:role/r", "Rules": [rule]}
    )
    return s3


def both(s3, key, body, **more):
    for name in (BUCKET, REPLICA):
        s3.put_object(Bucket=name, Key=key, Body=body, **more)


def states(services, moment=None):
    planned = bucket.plan(services.cloud, services.cloud, BUCKET, REPLICA, moment)
    return {copy.key: copy.state for copy in planned.copies}


def recover(services, **options):
    defaults = {"bucket": None, "replica": None, "as_of": None, "overwrite": False, "plan": False}
    return recover_bucket(services, argparse.Namespace(**{**defaults, **options}), source=services.cloud)


def body(s3, key):
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def test_the_plan_tells_missing_from_same(services, s3):
    both(s3, "models/a", b"same")
    s3.put_object(Bucket=REPLICA, Key="models/b", Body=b"lost")
    assert states(services) == {"models/a": State.SAME, "models/b": State.MISSING}


def test_everything_comes_back_with_content_type_and_metadata(services, s3, capsys):
    s3.put_object(Bucket=REPLICA, Key="models/b", Body=b"lost", ContentType="text/csv", Metadata={"run": "gh-1"})
    assert recover(services, plan=True) == 1
    assert "missing" in capsys.readouterr().out
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    assert recover(services) == 0
    back = s3.get_object(Bucket=BUCKET, Key="models/b")
    assert (back["Body"].read(), back["ContentType"], back["Metadata"]) == (b"lost", "text/csv", {"run": "gh-1"})
    assert recover(services, plan=True) == 0, "nothing is left to do"


def aged(name, key, hours):
    """Make the newest version of `key` in a bucket that much older."""
    s3_backends["123456789012"]["aws"].buckets[name].keys.getlist(key)[-1].last_modified -= timedelta(hours=hours)


def test_deletions_that_reached_the_copy_are_undone_as_of_a_moment_before_them(services, s3):
    both(s3, "a", b"kept")
    aged(REPLICA, "a", 2)
    for name in (BUCKET, REPLICA):
        s3.delete_object(Bucket=name, Key="a")
    assert states(services) == {}
    assert states(services, datetime.now(UTC) - timedelta(hours=1)) == {"a": State.MISSING}
    assert recover(services, as_of=(datetime.now(UTC) - timedelta(hours=1)).isoformat()) == 0
    assert body(s3, "a") == b"kept"


def test_what_differs_is_older_or_newer_than_the_copy(services, s3):
    both(s3, "a", b"copy")
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"new!")
    aged(REPLICA, "a", 1)
    assert states(services) == {"a": State.NEWER}
    assert recover(services) == 0
    assert body(s3, "a") == b"new!"
    assert recover(services, overwrite=True) == 0
    assert body(s3, "a") == b"copy"
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"old!")
    aged(BUCKET, "a", 2)
    assert states(services) == {"a": State.OLDER}
    assert recover(services) == 0
    assert body(s3, "a") == b"copy"


def test_a_bucket_without_rule_asks_for_terraform_or_a_name(services):
    with pytest.raises(RequestRefused, match="--replica"):
        bucket.replica_of(services.cloud, "mlops-bucket")


def test_only_our_own_buckets_are_written_to(services, s3):
    with pytest.raises(RequestRefused, match="none of this installation"):
        recover(services, bucket="somebody-elses", replica=REPLICA)


def test_notices_are_silent_meanwhile_and_come_back_even_after_a_restore_that_broke_off(services, s3):
    queue = services.cloud.sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = services.cloud.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    wanted = {"QueueConfigurations": [{"Id": "data", "QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=wanted)
    broken_off = Silence(services.cloud, services.ledger, BUCKET)
    broken_off.__enter__()
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=BUCKET)
    with Silence(services.cloud, services.ledger, BUCKET):
        assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=BUCKET)
    (told,) = s3.get_bucket_notification_configuration(Bucket=BUCKET)["QueueConfigurations"]
    assert (told["Id"], told["QueueArn"]) == ("data", arn)
    assert services.ledger.get_item(f"recovery#{BUCKET}") is None


def test_missing_addresses_are_named(services, s3):
    s3.put_object(Bucket=BUCKET, Key="models/m/v1.0.0/model.tar.gz", Body=b"m")
    wanted = [f"s3://{BUCKET}/models/m/v1.0.0/", f"s3://{BUCKET}/models/m/v1.0.0/model.tar.gz", f"s3://{BUCKET}/x/"]
    assert bucket.missing(services.cloud, wanted) == [f"s3://{BUCKET}/x/"]
