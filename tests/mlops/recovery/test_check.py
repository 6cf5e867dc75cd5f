"""What is named is held against the buckets: the missing and the changed are named, with who names them."""

from __future__ import annotations

import hashlib
import json

import pytest

from mlops import runs, versions
from mlops.identity import Phase
from mlops.recovery.check import check
from tests.mlops.records import deployed_record, put

BUCKET = "mlops-bucket"


@pytest.fixture
def kept(house, started):
    """A finished run and every object that it names."""
    _, run_key = started
    record = deployed_record()
    contents = {"train/data.parquet": b"rows"}
    prepared = record.phases[Phase.PREPARE].handle
    files = {name: {"sha256": hashlib.sha256(body).hexdigest()} for name, body in contents.items()}
    manifest = json.dumps({"files": files}).encode()
    store = house.cloud.s3.put_object
    for name, body in {**contents, "manifest.json": manifest}.items():
        store(Bucket=BUCKET, Key=f"{prepared['prefix']}{name}".removeprefix(f"s3://{BUCKET}/"), Body=body)
    for state in record.phases.values():
        for value in state.handle.values():
            if isinstance(value, str) and value.startswith(f"s3://{BUCKET}/") and "manifest" not in value:
                key = value.removeprefix(f"s3://{BUCKET}/")
                store(Bucket=BUCKET, Key=f"{key}object" if key.endswith("/") else key, Body=b"x")
    put(house, run_key, record)
    runs.close_run(house, run_key)
    return house.ledger.require_run(run_key)


def test_a_whole_bucket_is_fine(house, kept):
    found = check(house)
    assert found.fine, str(found)
    assert found.looked_at["run"] >= 3
    assert found.looked_at["dataset"] == 1
    assert found.hashed == 1
    assert "the chain holds" in str(found)


def test_a_lost_object_is_named_with_the_run_that_names_it(house, kept):
    address = kept.phases[Phase.TRAIN].handle["model_uri"]
    house.cloud.s3.delete_object(Bucket=BUCKET, Key=address.removeprefix(f"s3://{BUCKET}/"))
    found = check(house)
    assert not found.fine
    assert [(each.problem, each.reference.address) for each in found.findings] == [("missing", address)]
    assert f"missing: {address} (named by run {kept.run_key} train)" in str(found)


def test_another_content_of_the_same_size_is_found_by_its_hash(house, kept):
    key = f"{kept.phases[Phase.PREPARE].handle['prefix']}train/data.parquet".removeprefix(f"s3://{BUCKET}/")
    house.cloud.s3.put_object(Bucket=BUCKET, Key=key, Body=b"ROWS")
    assert [each.problem for each in check(house).findings] == ["changed"]


def test_a_registered_archive_must_have_the_hash_that_the_ledger_keeps(house, kept):
    handle = kept.phases[Phase.PACKAGE].handle
    house.cloud.sagemaker.create_model_package_group(ModelPackageGroupName=handle["model_id"])
    arn = house.cloud.sagemaker.create_model_package(
        ModelPackageGroupName=handle["model_id"],
        InferenceSpecification={
            "Containers": [{"Image": "i", "ModelDataUrl": handle["model_uri"]}],
            "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]  # fmt: skip
    version = versions.reserve(house.ledger, handle["model_id"], kept.run_key, "s", "2026-11-23T10:00:00Z")
    versions.note(house.ledger, handle["model_id"], version, package_arn=arn, sha256="0" * 64)
    found = check(house)
    assert [(each.problem, each.reference.address) for each in found.findings] == [("changed", handle["model_uri"])]
    right = hashlib.sha256(b"x").hexdigest()
    versions.note(house.ledger, handle["model_id"], version, sha256=right)
    assert check(house).fine
