"""What is written arrives in the other bucket, later and by the same version; deletions of versions do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from aws_requests import OPTIONS, client, wait_for

from twin.aws.options import Options
from twin.aws.server import start

RULE = {
    "ID": "everything", "Status": "Enabled", "Priority": 1, "Filter": {},
    "DeleteMarkerReplication": {"Status": "Enabled"},
    "Destination": {"Bucket": "arn:aws:s3:::copy", "StorageClass": "INTELLIGENT_TIERING"},
}  # fmt: skip
DIMENSIONS = [
    {"Name": "SourceBucket", "Value": "origin"}, {"Name": "DestinationBucket", "Value": "copy"},
    {"Name": "RuleId", "Value": "everything"},
]  # fmt: skip


def bucket_pair(s3, **changes):
    s3.create_bucket(Bucket="origin")
    s3.create_bucket(Bucket="copy", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    for bucket in ("origin", "copy"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rules = {"Role": "arn:aws:iam::123456789012:role/r", "Rules": [{**RULE, **changes}]}
    s3.put_bucket_replication(Bucket="origin", ReplicationConfiguration=rules)
    return s3


@pytest.fixture
def twin(tmp_path):
    with start(state_dir=tmp_path, options=Options(**{**OPTIONS, "replication_s": 0.3})) as server:
        yield server


@pytest.fixture
def s3(twin):
    return bucket_pair(client(twin, "s3"))


def versions(s3, bucket):
    """(key, id, deleted) of every version, by key and id."""
    found = s3.list_object_versions(Bucket=bucket)
    kept = [(each["Key"], each["VersionId"], False) for each in found.get("Versions", [])]
    return sorted(kept + [(each["Key"], each["VersionId"], True) for each in found.get("DeleteMarkers", [])])


def in_step(s3):
    return wait_for(lambda: versions(s3, "origin") == versions(s3, "copy"))


def test_each_version_arrives_with_its_id_metadata_and_content(s3):
    s3.put_object(Bucket="origin", Key="a", Body=b"one", Metadata={"x": "y"})
    s3.put_object(Bucket="origin", Key="a", Body=b"two")
    in_step(s3)
    first = next(each for each in versions(s3, "copy") if s3_body(s3, "copy", each) == b"one")
    got = s3.get_object(Bucket="copy", Key="a", VersionId=first[1])
    assert got["Metadata"] == {"x": "y"}
    assert got["StorageClass"] == "INTELLIGENT_TIERING"
    assert got["LastModified"] == s3.head_object(Bucket="origin", Key="a", VersionId=first[1])["LastModified"]
    assert s3.get_object(Bucket="copy", Key="a")["Body"].read() == b"two"


def s3_body(s3, bucket, version):
    return s3.get_object(Bucket=bucket, Key=version[0], VersionId=version[1])["Body"].read()


def test_the_status_says_where_an_object_is_on_its_way(s3):
    s3.put_object(Bucket="origin", Key="a", Body=b"one")
    assert s3.head_object(Bucket="origin", Key="a")["ReplicationStatus"] == "PENDING"
    assert versions(s3, "copy") == []
    in_step(s3)
    assert s3.head_object(Bucket="origin", Key="a")["ReplicationStatus"] == "COMPLETED"
    assert s3.head_object(Bucket="copy", Key="a")["ReplicationStatus"] == "REPLICA"


def test_a_delete_marker_is_copied_and_the_deletion_of_versions_is_not(s3):
    s3.put_object(Bucket="origin", Key="a", Body=b"one")
    s3.delete_object(Bucket="origin", Key="a")
    in_step(s3)
    for key, version, _ in versions(s3, "origin"):
        s3.delete_object(Bucket="origin", Key=key, VersionId=version)
    s3.put_object(Bucket="origin", Key="later", Body=b"")
    wait_for(lambda: ("later", False) in {(key, deleted) for key, _, deleted in versions(s3, "copy")})
    assert [(key, deleted) for key, _, deleted in versions(s3, "origin")] == [("later", False)]
    assert {(key, deleted) for key, _, deleted in versions(s3, "copy")} == {
        ("a", False), ("a", True), ("later", False)
    }  # fmt: skip


def test_objects_that_jobs_and_uploads_in_parts_write_are_copied_too(twin, s3):
    twin.twin.storage.write("s3://origin/by-a-job", b"result")
    upload = s3.create_multipart_upload(Bucket="origin", Key="parts")["UploadId"]
    part = s3.upload_part(Bucket="origin", Key="parts", UploadId=upload, PartNumber=1, Body=b"p" * 100)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket="origin", Key="parts", UploadId=upload, MultipartUpload=parts)
    in_step(s3)
    assert s3.get_object(Bucket="copy", Key="parts")["Body"].read() == b"p" * 100


def test_what_was_there_before_the_rule_stays_where_it_is(twin):
    s3 = client(twin, "s3")
    s3.create_bucket(Bucket="origin")
    s3.put_object(Bucket="origin", Key="old", Body=b"")
    s3.create_bucket(Bucket="copy")
    for bucket in ("origin", "copy"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rules = {"Role": "arn:aws:iam::123456789012:role/r", "Rules": [RULE]}
    s3.put_bucket_replication(Bucket="origin", ReplicationConfiguration=rules)
    s3.put_object(Bucket="origin", Key="new", Body=b"")
    wait_for(lambda: [key for key, _, _ in versions(s3, "copy")] == ["new"])


def test_a_rule_with_a_prefix_takes_what_is_below_it_and_no_markers_unless_asked(twin):
    unmarked = {"DeleteMarkerReplication": {"Status": "Disabled"}, "Filter": {"Prefix": "models/"}}
    s3 = bucket_pair(client(twin, "s3"), **unmarked)
    s3.put_object(Bucket="origin", Key="logs/a", Body=b"")
    s3.put_object(Bucket="origin", Key="models/a", Body=b"")
    s3.delete_object(Bucket="origin", Key="models/a")
    s3.put_object(Bucket="origin", Key="models/b", Body=b"")
    wait_for(lambda: len(versions(s3, "copy")) == 2)
    assert [(key, deleted) for key, _, deleted in versions(s3, "copy")] == [("models/a", False), ("models/b", False)]
    kept = s3.get_bucket_replication(Bucket="origin")["ReplicationConfiguration"]["Rules"][0]
    assert kept["DeleteMarkerReplication"] == {"Status": "Disabled"}
    assert kept["Filter"] == {"Prefix": "models/"}


def test_a_bucket_that_cannot_take_them_is_a_failed_operation(twin, s3):
    s3.delete_bucket(Bucket="copy")
    s3.put_object(Bucket="origin", Key="a", Body=b"one")
    wait_for(lambda: s3.head_object(Bucket="origin", Key="a")["ReplicationStatus"] == "FAILED")
    assert sum(told(twin, "OperationsFailedReplication", "Sum")) == 1


def told(twin, metric, statistic):
    span = {"StartTime": datetime.now(UTC) - timedelta(minutes=5), "EndTime": datetime.now(UTC) + timedelta(minutes=5)}
    answer = client(twin, "cloudwatch").get_metric_statistics(
        Namespace="AWS/S3", MetricName=metric, Dimensions=DIMENSIONS, Period=60, Statistics=[statistic], **span
    )
    return [point[statistic] for point in answer["Datapoints"]]


def test_metrics_say_how_much_is_on_its_way_and_how_late(twin, s3):
    s3.put_object(Bucket="origin", Key="a", Body=b"x" * 1000)
    in_step(s3)
    wait_for(lambda: told(twin, "ReplicationLatency", "Maximum"))
    assert 0 < max(told(twin, "ReplicationLatency", "Maximum")) < 5
    assert max(told(twin, "BytesPendingReplication", "Maximum")) in (0, 1000)


def test_what_was_on_its_way_arrives_after_a_restart(tmp_path):
    slow = Options(**{**OPTIONS, "replication_s": 3600})
    with start(state_dir=tmp_path, options=slow) as server:
        bucket_pair(client(server, "s3")).put_object(Bucket="origin", Key="a", Body=b"one")
    with start(state_dir=tmp_path, options=Options(**{**OPTIONS, "replication_s": 0})) as server:
        in_step(client(server, "s3"))
        assert client(server, "s3").head_object(Bucket="copy", Key="a")["ReplicationStatus"] == "REPLICA"
