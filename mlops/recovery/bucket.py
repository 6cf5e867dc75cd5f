"""A bucket, or objects in it, are lost: what the copy in the other region holds is brought back and compared."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mlops.aws import Cloud, error_code, is_missing, translated
from mlops.errors import Conflict, MlopsError, RequestRefused
from mlops.raw_data import as_of

if TYPE_CHECKING:
    from mlops.ledger import Ledger

Say = Callable[[str], None]

_THREADS = 16
_ONE_COPY_BYTES = 5 * 1024**3
"""CopyObject takes no more; larger ones are copied in parts."""
_SAY_EVERY_S = 5.0


class State(StrEnum):
    """An object of the copy, seen from the bucket."""

    MISSING = "missing"
    SAME = "same"
    OLDER = "older"
    """The bucket holds another content, written before the copy's."""
    NEWER = "newer"
    """The bucket holds another content, written after the copy's: somebody wrote since the loss."""


@dataclass(frozen=True)
class Copy:
    """One version in the replica that belongs into the bucket."""

    key: str
    version_id: str
    size: int
    modified: datetime
    state: State


@dataclass(frozen=True)
class Plan:
    bucket: str
    replica: str
    copies: tuple[Copy, ...]

    def of(self, *states: State) -> list[Copy]:
        return [copy for copy in self.copies if copy.state in states]

    def __str__(self) -> str:
        counted = {state: self.of(state) for state in State}
        lines = [f"{self.replica} -> {self.bucket}: {len(self.copies)} objects in the copy"]
        for state, copies in counted.items():
            if copies:
                lines.append(f"  {state.value:8} {len(copies):7}  {sum(copy.size for copy in copies):>15,} bytes")
        return "\n".join(lines)


def replica_of(cloud: Cloud, bucket: str) -> str:
    """The bucket that the replication rule of `bucket` names.

    Raises:
        RequestRefused: the bucket or its rule is gone; `terraform apply` makes both again.
    """
    with translated(f"read the replication rule of {bucket}"):
        try:
            answer = cloud.s3.get_bucket_replication(Bucket=bucket)
        except Exception as error:
            if error_code(error) not in {"NoSuchBucket", "ReplicationConfigurationNotFoundError"}:
                raise
            raise RequestRefused(
                f"{bucket} does not exist or has no replication rule: apply Terraform first, or name the copy "
                "with --replica."
            ) from error
    return str(answer["ReplicationConfiguration"]["Rules"][0]["Destination"]["Bucket"]).rpartition(":")[2]


def plan(cloud: Cloud, source: Cloud, bucket: str, replica: str, moment: datetime | None = None) -> Plan:
    """Compare each object of the copy with the bucket, by size and SHA-256.

    Args:
        source: AWS in the copy's region.
        moment: the objects as they were then; without it, as they are. An object that is deleted now and was not
            then is brought back, which undoes a deletion that reached the copy.
    """
    moment = moment or datetime.now(UTC)
    entries = as_of(_versions(source, replica), moment)
    there = _current(cloud, bucket)

    def look(entry: Mapping[str, Any]) -> Copy:
        return _compared(cloud, source, bucket, replica, entry, there.get(entry["Key"]))

    with ThreadPoolExecutor(_THREADS) as pool:
        return Plan(bucket, replica, tuple(pool.map(look, entries)))


def _compared(
    cloud: Cloud, source: Cloud, bucket: str, replica: str, entry: Mapping[str, Any], here: Mapping[str, Any] | None
) -> Copy:
    state = State.MISSING
    if here is not None:
        same = here["Size"] == entry["Size"] and _sha256(cloud, bucket, entry["Key"]) == _sha256(
            source, replica, entry["Key"], entry["VersionId"]
        )
        changed = State.NEWER if here["LastModified"] > entry["LastModified"] else State.OLDER
        state = State.SAME if same else changed
    return Copy(entry["Key"], entry["VersionId"], int(entry["Size"]), entry["LastModified"], state)


def _versions(cloud: Cloud, bucket: str) -> Iterator[Mapping[str, Any]]:
    with translated(f"list the versions of {bucket}"):
        for page in cloud.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            yield from page.get("Versions", [])
            yield from page.get("DeleteMarkers", [])


def _current(cloud: Cloud, bucket: str) -> dict[str, Mapping[str, Any]]:
    with translated(f"list {bucket}"):
        pages = cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {entry["Key"]: entry for page in pages for entry in page.get("Contents", [])}


def _sha256(cloud: Cloud, bucket: str, key: str, version_id: str | None = None) -> str:
    """Read as a stream. ETags do not compare across buckets: under KMS they are no hash of the content."""
    hashed = hashlib.sha256()
    which = {"VersionId": version_id} if version_id else {}
    with translated(f"read s3://{bucket}/{key}"):
        for chunk in cloud.s3.get_object(Bucket=bucket, Key=key, **which)["Body"].iter_chunks(1 << 20):
            hashed.update(chunk)
    return hashed.hexdigest()


def restore(cloud: Cloud, source: Cloud, plan: Plan, say: Say, *, overwrite: bool = False) -> list[str]:
    """Copy back what is missing or older (with `overwrite`: newer, too) and compare hashes; returns what failed.

    Metadata and content type come along; version ids and times of the copies are new, and older versions stay in
    the replica.
    """
    wanted = plan.of(State.MISSING, State.OLDER, *([State.NEWER] if overwrite else []))
    failed, done, copied, lock = [], 0, 0, threading.Lock()
    total, next_word = sum(copy.size for copy in wanted), time.monotonic() + _SAY_EVERY_S
    with ThreadPoolExecutor(_THREADS) as pool:
        futures = {pool.submit(_bring_back, cloud, source, plan, copy): copy for copy in wanted}
        for future in as_completed(futures):
            copy = futures[future]
            with lock:
                done, copied = done + 1, copied + copy.size
            try:
                future.result()
            except MlopsError as error:
                failed.append(copy.key)
                say(f"FAILED {copy.key}: {error}")
            if time.monotonic() >= next_word:
                say(f"{done} of {len(wanted)} objects, {copied:,} of {total:,} bytes")
                next_word = time.monotonic() + _SAY_EVERY_S
    return sorted(failed)


def _bring_back(cloud: Cloud, source: Cloud, plan: Plan, copy: Copy) -> None:
    origin = {"Bucket": plan.replica, "Key": copy.key, "VersionId": copy.version_id}
    with translated(f"copy {copy.key} back"):
        if copy.size <= _ONE_COPY_BYTES:
            cloud.s3.copy_object(Bucket=plan.bucket, Key=copy.key, CopySource=origin)
        else:
            head = source.s3.head_object(**origin)
            extra = {"Metadata": head["Metadata"], "ContentType": head["ContentType"]}
            cloud.s3.copy(origin, plan.bucket, copy.key, ExtraArgs=extra, SourceClient=source.s3)
    if _sha256(cloud, plan.bucket, copy.key) != _sha256(source, plan.replica, copy.key, copy.version_id):
        raise Conflict(f"{copy.key} differs from its copy after it was brought back; repeat.")


class Silence:
    """No notices while objects come back: each would count as new data and might start a run.

    What the bucket told before is kept in the ledger until it tells again, so that a restore that was broken off
    takes it up.
    """

    def __init__(self, cloud: Cloud, ledger: Ledger, bucket: str):
        self._s3, self._ledger, self._bucket = cloud.s3, ledger, bucket
        self._item = f"recovery#{bucket}"

    def __enter__(self) -> Silence:
        with translated(f"silence the notices of {self._bucket}"):
            found = self._s3.get_bucket_notification_configuration(Bucket=self._bucket)
            told = {name: value for name, value in found.items() if name != "ResponseMetadata"}
            if told:
                self._ledger.change_item(self._item, lambda known: known or told)
            self._s3.put_bucket_notification_configuration(Bucket=self._bucket, NotificationConfiguration={})
        return self

    def __exit__(self, *_: object) -> None:
        kept = self._ledger.get_item(self._item)
        if kept is None:
            return
        with translated(f"let {self._bucket} tell again"):
            self._s3.put_bucket_notification_configuration(Bucket=self._bucket, NotificationConfiguration=kept.value)
        self._ledger.delete_item(self._item)


def missing(cloud: Cloud, addresses: Iterable[str]) -> list[str]:
    """Which of these `s3://` addresses hold nothing; one that ends in `/` needs one object below it."""
    return [address for address in addresses if not _holds(cloud, address)]


def _holds(cloud: Cloud, address: str) -> bool:
    from mlops.keys import split_uri

    bucket, key = split_uri(address)
    with translated(f"look at {address}"):
        try:
            if address.endswith("/"):
                return bool(cloud.s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("KeyCount"))
            cloud.s3.head_object(Bucket=bucket, Key=key)
            return True
        except Exception as error:
            if is_missing(error):
                return False
            raise
