"""JSON documents and their neighbours in object storage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlops.aws import Cloud, error_code, is_missing, translated
from mlops.identity import canonical_json
from mlops.keys import split_uri


@dataclass(frozen=True)
class Stored:
    """One object of a listing."""

    key: str
    size: int
    etag: str


def listing(cloud: Cloud, bucket: str, prefix: str) -> Iterator[Stored]:
    """Every object below `prefix`, in order of key."""
    with translated(f"list s3://{bucket}/{prefix}"):
        for page in cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                yield Stored(entry["Key"], int(entry["Size"]), entry["ETag"].strip('"'))


def folders(cloud: Cloud, bucket: str, prefix: str) -> list[str]:
    """Names of the folders directly below `prefix`."""
    with translated(f"list s3://{bucket}/{prefix}"):
        pages = cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        found = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
    return [name.removeprefix(prefix).rstrip("/") for name in found]


def read_json(cloud: Cloud, s3_uri: str) -> dict[str, Any] | None:
    """The JSON object at an address, or None where there is none."""
    from botocore.exceptions import ClientError

    bucket, key = split_uri(s3_uri)
    with translated(f"read {s3_uri}"):
        try:
            body = cloud.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if is_missing(error):
                return None
            raise
    value = json.loads(body)
    return value if isinstance(value, dict) else None


def write_json(cloud: Cloud, s3_uri: str, value: Any) -> str:
    """Write the canonical JSON of `value`; the same value gives the same bytes. Returns their SHA-256."""
    body = canonical_json(value).encode()
    bucket, key = split_uri(s3_uri)
    with translated(f"write {s3_uri}"):
        cloud.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
    return hashlib.sha256(body).hexdigest()


def write_json_once(cloud: Cloud, s3_uri: str, value: Any) -> bool:
    """Write unless something stands there already. False where it does."""
    from botocore.exceptions import ClientError

    bucket, key = split_uri(s3_uri)
    with translated(f"write {s3_uri}"):
        try:
            cloud.s3.put_object(
                Bucket=bucket,
                Key=key,
                Body=canonical_json(value).encode(),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error_code(error) in {"PreconditionFailed", "ConditionalRequestConflict"}:
                return False
            raise
    return True


def size_of(cloud: Cloud, s3_uri: str) -> int | None:
    """Bytes of the object, or None where there is none."""
    from botocore.exceptions import ClientError

    bucket, key = split_uri(s3_uri)
    with translated(f"look at {s3_uri}"):
        try:
            return int(cloud.s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
        except ClientError as error:
            if is_missing(error):
                return None
            raise


def sha256_of(cloud: Cloud, s3_uri: str) -> str:
    """SHA-256 of the object's bytes, read as a stream."""
    bucket, key = split_uri(s3_uri)
    hashed = hashlib.sha256()
    with translated(f"read {s3_uri}"):
        for chunk in cloud.s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20):
            hashed.update(chunk)
    return hashed.hexdigest()
