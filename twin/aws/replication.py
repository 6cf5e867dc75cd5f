"""S3 replication: versions and delete markers reach the other bucket a little later; deletions of versions never."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.s3.exceptions import ReplicationConfigurationNotFoundError
from moto.s3.models import FakeDeleteMarker, FakeKey
from moto.s3.responses import S3Response

from twin.aws.store import Document
from twin.aws.twin import Twin

log = logging.getLogger(__name__)

_PENDING, _FAILED = "replication", "replication-failed"
_METRICS_S = 1.0

Route = tuple[str, str, str]
"""Source bucket, destination bucket, id of the rule."""


@dataclass(frozen=True)
class Rule:
    """One enabled rule of a bucket, as far as it is acted upon."""

    id: str
    prefix: str
    destination: str
    storage_class: str | None
    kms_key_id: str | None
    delete_markers: bool

    def takes(self, version: Any) -> bool:
        if isinstance(version, FakeDeleteMarker) and not self.delete_markers:
            return False
        return str(version.name).startswith(self.prefix)


def rules(configuration: Document | None) -> list[Rule]:
    """The enabled rules of a bucket's configuration, as moto keeps it. Rules that choose by tag take nothing."""
    found = []
    for each in (configuration or {}).get("Rule", []):
        chosen = each.get("Filter") or {}
        both = chosen.get("And") or {}
        if each["Status"] != "Enabled" or "Tag" in chosen or "Tag" in both:
            continue
        destination = each["Destination"]
        found.append(
            Rule(
                id=each["ID"],
                prefix=chosen.get("Prefix") or both.get("Prefix") or each.get("Prefix") or "",
                destination=destination["Bucket"].rpartition(":")[2],
                storage_class=destination.get("StorageClass"),
                kms_key_id=(destination.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID"),
                delete_markers=(each.get("DeleteMarkerReplication") or {}).get("Status") == "Enabled",
            )
        )
    return found


class Replication:
    """Copies what was written to the buckets that their rules name. What is on its way survives a restart.

    Args:
        written: told of each copy (bucket, key), under the lock of S3: the write-through to disk.
    """

    def __init__(self, twin: Twin, written: Callable[[str, str], None]):
        self._twin = twin
        self._written = written
        self._copying = False
        self._told: set[Route] = set()
        self._next_metrics = 0.0

    # Under the lock of S3

    def noticed(self, bucket_name: str, version: Any) -> None:
        """A version (or delete marker) was written. Copies are not copied on, as S3 does not."""
        bucket = self._twin.storage.backend.buckets.get(bucket_name)
        if self._copying or bucket is None:
            return
        for rule in rules(getattr(bucket, "replication", None)):
            if rule.takes(version):
                name = f"{bucket_name}/{version.name}?{version.version_id}#{rule.id}"
                record = {
                    "bucket": bucket_name, "key": version.name, "version": str(version.version_id), "rule": rule.id,
                    "destination": rule.destination, "bytes": getattr(version, "size", 0), "since": time.time(),
                }  # fmt: skip
                self._twin.store.put(_PENDING, name, record)

    def status(self, version: FakeKey) -> str:
        """The header `x-amz-replication-status` of an object; empty where no rule concerns it."""
        if getattr(version, "replica_of", None):
            return "REPLICA"
        bucket = self._twin.storage.backend.buckets.get(version.bucket_name or "")
        found = [rule for rule in rules(getattr(bucket, "replication", None)) if rule.takes(version)]
        if not found:
            return ""
        name = f"{version.bucket_name}/{version.name}?{version.version_id}#{found[0].id}"
        if self._twin.store.get(_PENDING, name):
            return "PENDING"
        if self._twin.store.get(_FAILED, name):
            return "FAILED"
        return "COMPLETED" if self._copies(found[0].destination, version.name, version.version_id) else ""

    # In the background

    def turn(self) -> None:
        """One look at what is on its way, oldest first."""
        pending = self._twin.store.all(_PENDING)
        due = time.time() - self._twin.options.replication_s
        failed: defaultdict[Route, int] = defaultdict(int)
        latest: defaultdict[Route, float] = defaultdict(float)
        for record in pending:
            route = (record["bucket"], record["destination"], record["rule"])
            if record["since"] <= due:
                failed[route] += not self._deliver(record)
            latest[route] = max(latest[route], time.time() - record["since"])
        self._tell(latest, failed)

    def _deliver(self, record: Document) -> bool:
        """Copy one version; False where the other bucket cannot take it."""
        name = f"{record['bucket']}/{record['key']}?{record['version']}#{record['rule']}"
        with self._twin.locks.changing("s3"):
            backend = self._twin.storage.backend
            source, target = backend.buckets.get(record["bucket"]), backend.buckets.get(record["destination"])
            version = next((v for v in _versions(source, record["key"]) if v.version_id == record["version"]), None)
            rule = next((r for r in rules(getattr(source, "replication", None)) if r.id == record["rule"]), None)
            refused = target is None or not target.is_versioned
            if not refused and version is not None and rule is not None:
                self._copy(version, target, rule)
            # A version, a bucket or a rule that is gone meanwhile leaves nothing to copy.
            self._twin.store.delete(_PENDING, name)
        if refused:
            log.warning("%s was not copied: bucket %s cannot take it", name, record["destination"])
            self._twin.store.put(_FAILED, name, record)
        return not refused

    def _copy(self, version: Any, target: Any, rule: Rule) -> None:
        """The same version, by the same id and time, as the newest of its key in the other bucket."""
        earlier = _versions(target, version.name)
        if any(each.version_id == version.version_id for each in earlier):
            return
        if isinstance(version, FakeDeleteMarker):
            copy: Any = FakeDeleteMarker.__new__(FakeDeleteMarker)
            copy.__dict__.update({**version.__dict__, "key": earlier[-1] if earlier else version.key})
        else:
            copy = FakeKey.__new__(FakeKey)
            copy.__setstate__({**version.__getstate__(), "multipart": None})
            copy.bucket_name, copy.replica_of = target.name, version.bucket_name
            copy.set_storage_class(rule.storage_class or version.storage_class)
            copy.kms_key_id = rule.kms_key_id or version.kms_key_id
        target.keys.setlist(version.name, [*earlier, copy])
        self._copying = True
        try:
            self._written(target.name, version.name)
        finally:
            self._copying = False

    def _copies(self, bucket: str, key: str, version_id: str) -> bool:
        return any(
            each.version_id == version_id for each in _versions(self._twin.storage.backend.buckets.get(bucket), key)
        )

    def _tell(self, latest: dict[Route, float], failed: dict[Route, int]) -> None:
        """CloudWatch's metrics of replication, while something is on its way and once more when nothing is."""
        moment = time.monotonic()
        if moment < self._next_metrics and not any(failed.values()):
            return
        self._next_metrics = moment + _METRICS_S
        waiting = self._twin.store.all(_PENDING)
        routes = set(latest)
        for route in routes | self._told:
            still = [each for each in waiting if (each["bucket"], each["destination"], each["rule"]) == route]
            dimensions = dict(zip(("SourceBucket", "DestinationBucket", "RuleId"), route, strict=True))
            for metric, value, unit in (
                ("ReplicationLatency", latest.get(route, 0.0), "Seconds"),
                ("BytesPendingReplication", float(sum(each["bytes"] for each in still)), "Bytes"),
                ("OperationsPendingReplication", float(len(still)), "Count"),
                ("OperationsFailedReplication", float(failed.get(route, 0)), "Count"),
            ):
                self._twin.metrics.add("AWS/S3", metric, value, unit, **dimensions)
        self._told = routes


def _versions(bucket: Any, key: str) -> list[Any]:
    """Versions and delete markers of one key, oldest first."""
    return list(bucket.keys.getlist(key, [])) if bucket else []


_shown: list[Replication] = []
"""The one of the twin that runs; moto's answers belong to the process."""


def show(replication: Replication) -> None:
    """Let moto's answers tell `x-amz-replication-status`, and a bucket's rules as they were put; safe to call twice."""
    _shown[:] = [replication]
    original = FakeKey.response_dict.fget  # type: ignore[attr-defined]
    if getattr(original, "shows_replication", False):
        return

    def response_dict(self: FakeKey) -> dict[str, Any]:
        answer: dict[str, Any] = original(self)
        status = _shown[0].status(self)
        return {**answer, "x-amz-replication-status": status} if status else answer

    response_dict.shows_replication = True  # type: ignore[attr-defined]
    FakeKey.response_dict = property(response_dict)  # type: ignore[assignment, method-assign]
    S3Response.get_bucket_replication = _get_bucket_replication  # type: ignore[method-assign]


def _get_bucket_replication(self: S3Response) -> Any:
    """moto answers that no rule copies delete markers and each has an empty filter, whatever was put."""
    self.data["Action"] = "GetBucketReplication"
    kept = self.backend.get_bucket_replication(self.bucket_name)
    if not kept:
        raise ReplicationConfigurationNotFoundError(bucket_name=self.bucket_name)
    answered = [{**rule, "Filter": rule.get("Filter") or {"Prefix": ""}} for rule in kept["Rule"]]
    return self.serialized(ActionResult({"ReplicationConfiguration": {"Role": kept["Role"], "Rules": answered}}))
