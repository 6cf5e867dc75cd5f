"""The raw objects of a dataset, as they are now or were at a moment, and their fingerprint."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from mlops import keys
from mlops.aws import Cloud, translated
from mlops.errors import RequestRefused, UserFault
from mlops.identity import digest
from mlops.objects import folders, listing

DATA_SUFFIXES = {"tabular": (".csv", ".csv.gz", ".parquet"), "detection": (".png", ".jpg", ".jpeg")}
"""What a workload takes for data; labels, calibration and descriptions may lie beside it."""
ANY_SUFFIX = tuple(suffix for suffixes in DATA_SUFFIXES.values() for suffix in suffixes)
SNAPSHOT_BYTES = 1 << 30
SNAPSHOT_OBJECTS = 1000
"""Up to both limits the raw objects are copied before they are read, so that no upload changes them meanwhile."""
_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True)
class RawObject:
    key: str
    etag: str
    size: int
    version_id: str | None = None
    """None: the version that stands when it is read."""


@dataclass(frozen=True)
class Inventory:
    """What lies below one prefix of one bucket, in order of key."""

    bucket: str
    prefix: str
    objects: tuple[RawObject, ...]

    @property
    def size(self) -> int:
        return sum(one.size for one in self.objects)

    @property
    def contents(self) -> str:
        """Hash of names and contents, wherever they lie."""
        return digest([[one.key.removeprefix(self.prefix), one.etag, one.size] for one in self.objects])

    @property
    def uri(self) -> str:
        return keys.uri(self.bucket, self.prefix)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Inventory:
        return cls(value["bucket"], value["prefix"], tuple(RawObject(**one) for one in value["objects"]))


def source(dataset: str, s3_uri: str | None, bucket: str, allowed: Iterable[str]) -> tuple[str, str]:
    """(bucket, prefix) to look below; the dataset's own folder where the issue names no address.

    Raises:
        RequestRefused: the bucket is not one an issue may name.
    """
    if not s3_uri:
        return bucket, keys.raw_prefix(dataset)
    named, key = keys.split_uri(s3_uri)
    if named not in set(allowed):
        raise RequestRefused(f"dataset.s3_uri: bucket {named!r} is not allowed; choose one of {', '.join(allowed)}.")
    return named, key


def as_of(entries: Iterable[Mapping[str, Any]], moment: datetime) -> list[Mapping[str, Any]]:
    """For each key the newest entry not later than `moment`; keys that were deleted by then are left out.

    `entries` are versions and delete markers of ListObjectVersions, newest first within a key; a delete marker is
    one without `Size`.
    """
    newest: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        if entry["LastModified"] > moment:
            continue
        known = newest.get(entry["Key"])
        # Moments are whole seconds: of two in the same second the one that stands is the newer.
        if known is None or _age(entry) > _age(known):
            newest[entry["Key"]] = entry
    return [newest[key] for key in sorted(newest) if "Size" in newest[key]]


def _age(entry: Mapping[str, Any]) -> tuple[datetime, bool]:
    return entry["LastModified"], bool(entry.get("IsLatest"))


def take_inventory(
    cloud: Cloud, dataset: str, bucket: str, prefix: str, data_as_of: str | None = None,
    suffixes: tuple[str, ...] = ANY_SUFFIX,
) -> Inventory:  # fmt: skip
    """What a run is to read: everything below the prefix, some of which ends with one of `suffixes`.

    Raises:
        UserFault: nothing lies there (or lay there then); names the datasets that exist.
    """
    entries = list(_versions(cloud, bucket, prefix))
    for below in (prefix.rstrip("/") + "/raw/", prefix):
        chosen = [entry for entry in entries if entry["Key"].startswith(below)]
        if below == prefix:
            # `datasets/x/` holds what we made of the data, too.
            ours = tuple(prefix.rstrip("/") + part for part in ("/versions/", "/processed/"))
            chosen = [entry for entry in chosen if not entry["Key"].startswith(ours)]
        moment = parse_moment(data_as_of) if data_as_of else datetime.max.replace(tzinfo=UTC)
        objects = tuple(
            RawObject(one["Key"], one["ETag"].strip('"'), int(one["Size"]), one.get("VersionId") or None)
            for one in as_of(chosen, moment)
            if not one["Key"].endswith("/")
        )
        if any(one.key.lower().endswith(suffixes) for one in objects):
            return Inventory(bucket, below if below.endswith("/") else below.rpartition("/")[0] + "/", objects)
    raise UserFault(_nothing_there(cloud, dataset, bucket, prefix, data_as_of, suffixes, found=bool(entries)))


def _versions(cloud: Cloud, bucket: str, prefix: str) -> Iterable[Mapping[str, Any]]:
    with translated(f"list s3://{bucket}/{prefix}"):
        for page in cloud.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            yield from page.get("Versions", [])
            yield from page.get("DeleteMarkers", [])


def _nothing_there(
    cloud: Cloud, dataset: str, bucket: str, prefix: str, data_as_of: str | None, suffixes: tuple[str, ...], *,
    found: bool,
) -> str:  # fmt: skip
    when = f" as of {data_as_of}" if data_as_of else ""
    wanted = ", ".join(suffixes)
    if found and not data_as_of:
        return f"dataset {dataset}: s3://{bucket}/{prefix} holds no data object ({wanted})."
    there = sorted(name for name in folders(cloud, bucket, "datasets/"))
    known = f"There are: {', '.join(there[:50])}." if there else "No dataset exists yet."
    return (
        f"dataset {dataset}: nothing lies at s3://{bucket}/{prefix}{when}. {known} "
        f"Put {wanted} objects there, or name another dataset."
    )


def parse_moment(text: str) -> datetime:
    """A UTC moment from ISO 8601; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise RequestRefused(f"{text!r} is no moment; write it like 2026-11-23T10:00:00Z.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def may_copy(inventory: Inventory) -> bool:
    """True where the objects are few and small enough to be copied before they are read."""
    return inventory.size <= SNAPSHOT_BYTES and len(inventory.objects) <= SNAPSHOT_OBJECTS


def copy_snapshot(cloud: Cloud, inventory: Inventory, bucket: str, prefix: str) -> None:
    """Copy the very versions of `inventory` below `prefix`; what was copied before is left as it is."""
    there = {one.key: one.size for one in listing(cloud, bucket, prefix)}
    for one in inventory.objects:
        target = prefix + one.key.removeprefix(inventory.prefix)
        if there.get(target) == one.size:
            continue
        origin = {"Bucket": inventory.bucket, "Key": one.key}
        if one.version_id and one.version_id != "null":
            origin["VersionId"] = one.version_id
        with translated(f"copy {one.key} to s3://{bucket}/{target}"):
            cloud.s3.copy_object(Bucket=bucket, Key=target, CopySource=origin)


def column_names(cloud: Cloud, inventory: Inventory) -> list[str] | None:
    """The header of the first plain CSV object; None where the columns cannot be told without a job."""
    first = next((one for one in inventory.objects if one.key.lower().endswith(".csv")), None)
    if first is None:
        return None
    text = _head(cloud, inventory.bucket, first).decode("utf-8-sig", errors="replace")
    header = text.splitlines()[0] if text else ""
    return [name.strip() for name in next(csv.reader([header]), [])] or None


def metadata(cloud: Cloud, inventory: Inventory) -> dict[str, Any]:
    """The dataset's own `metadata.json` (target, task, classes); empty where there is none that can be read."""
    found = next((one for one in inventory.objects if one.key == f"{inventory.prefix}metadata.json"), None)
    if found is None or found.size > _HEADER_BYTES:
        return {}
    try:
        document = json.loads(_head(cloud, inventory.bucket, found))
    except ValueError:
        return {}  # the job itself says what is wrong with it
    return document if isinstance(document, dict) else {}


def _head(cloud: Cloud, bucket: str, one: RawObject) -> bytes:
    """The first 64 KiB of an object, in the version of the inventory."""
    if one.size == 0:
        return b""
    version = {"VersionId": one.version_id} if one.version_id and one.version_id != "null" else {}
    with translated(f"read {one.key}"):
        answer = cloud.s3.get_object(Bucket=bucket, Key=one.key, Range=f"bytes=0-{_HEADER_BYTES - 1}", **version)
        return bytes(answer["Body"].read())
