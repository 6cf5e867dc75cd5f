"""S3 written through to disk: an object that was acknowledged survives any end of the process."""

from __future__ import annotations

import logging
import pickle
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, S3Backend, s3_backends

from twin.aws.snapshots import dump

log = logging.getLogger(__name__)

LAST_MODIFIED = "x-amz-meta-twin-last-modified"
"""A PUT with this metadata (ISO 8601) makes an object that was modified then: history for `data as of` tests."""

Versions = list[Any]
"""FakeKey and FakeDeleteMarker of one key, oldest first."""


class ObjectStore:
    """Called under the lock of S3, after each change."""

    def __init__(self, path: Path, account: str):
        self._account = account
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(
            """
            CREATE TABLE IF NOT EXISTS versions (
                id INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT, key TEXT, version TEXT, record BLOB, body BLOB
            );
            CREATE INDEX IF NOT EXISTS by_key ON versions (bucket, key);
            CREATE TABLE IF NOT EXISTS settings (id INTEGER PRIMARY KEY CHECK (id = 1), record BLOB);
            """
        )
        self._known: dict[tuple[str, str], Versions] = {}
        self.on_new: Callable[[str, Any], None] = lambda bucket, version: None
        """Told of each new version or delete marker once it is on disk (replication listens)."""

    @property
    def _backend(self) -> S3Backend:
        return s3_backends[self._account]["aws"]

    # Writing

    def object_changed(self, bucket_name: str, key: str, details: bool = False) -> None:
        """Bring one key's versions to disk. `details`: tags, locks or permissions changed on versions that stay."""
        bucket = self._backend.buckets.get(bucket_name)
        versions: Versions = list(bucket.keys.getlist(key, [])) if bucket else []
        known = self._known.get((bucket_name, key), [])
        new = [version for version in versions if not _contains(known, version)]
        with self._database:
            self._database.execute("BEGIN")
            for version in known:
                if details or not _contains(versions, version):
                    self._forget(bucket_name, key, version)
            for version in versions:
                if details or not _contains(known, version):
                    _apply_last_modified(version)
                    self._keep(bucket_name, key, version)
            if details:
                self._write_settings()
            self._database.execute("COMMIT")
        if versions:
            self._known[bucket_name, key] = versions
        else:
            self._known.pop((bucket_name, key), None)
        for version in new:
            self.on_new(bucket_name, version)

    def bucket_changed(self, bucket_name: str) -> None:
        """Bring a bucket's settings to disk, and whichever of its objects came or went."""
        bucket = self._backend.buckets.get(bucket_name)
        present = set(dict(bucket.keys)) if bucket else set()
        stored = {key for name, key in self._known if name == bucket_name}
        for key in present | stored:
            versions = bucket.keys.getlist(key, []) if bucket else []
            known = self._known.get((bucket_name, key), [])
            if len(versions) != len(known) or any(a is not b for a, b in zip(versions, known, strict=True)):
                self.object_changed(bucket_name, key)
        self._write_settings()

    def _keep(self, bucket: str, key: str, version: Any) -> None:
        record, body = _record(version)
        self._database.execute(
            "INSERT INTO versions (bucket, key, version, record, body) VALUES (?, ?, ?, ?, ?)",
            (bucket, key, str(version.version_id), record, body),
        )

    def _forget(self, bucket: str, key: str, version: Any) -> None:
        self._database.execute(
            "DELETE FROM versions WHERE bucket = ? AND key = ? AND version = ?", (bucket, key, str(version.version_id))
        )

    def _write_settings(self) -> None:
        """Everything of S3 but the objects. Uploads in parts that are not complete are not kept."""
        backend = self._backend
        without = {"buckets", "_pagination_tokens"}
        attributes = {name: value for name, value in backend.__dict__.items() if name not in without}
        buckets = {
            name: {each: value for each, value in bucket.__dict__.items() if each not in {"keys", "multiparts"}}
            for name, bucket in backend.buckets.items()
        }
        record = dump({"attributes": attributes, "buckets": buckets})
        self._database.execute("INSERT OR REPLACE INTO settings VALUES (1, ?)", (record,))

    # Reading

    def load(self) -> None:
        """Fill moto's S3, which must be empty, with what an earlier twin kept."""
        backend = self._backend
        row = self._database.execute("SELECT record FROM settings").fetchone()
        if row:
            saved = pickle.loads(row[0])  # noqa: S301 - our own file
            backend.__dict__.update(saved["attributes"])
            for name, attributes in saved["buckets"].items():
                bucket = _bucket(name, self._account, attributes["region_name"])
                bucket.__dict__.update(attributes)
                backend.buckets[name] = bucket
        lost = set()
        for name, key, record, body in self._database.execute(
            "SELECT bucket, key, record, body FROM versions ORDER BY id"
        ):
            if name not in backend.buckets:
                lost.add(name)
                continue
            store = backend.buckets[name].keys
            earlier = store.getlist(key, [])
            version = _version(record, body, earlier)
            store.setlist(key, [*earlier, version])
            self._known[name, key] = list(store.getlist(key))
        if lost:
            log.warning("Objects of buckets that are gone were left out: %s", ", ".join(sorted(lost)))

    def close(self) -> None:
        self._database.close()


def _bucket(name: str, account: str, region: str) -> FakeBucket:
    return FakeBucket(name=name, account_id=account, region_name=region)  # type: ignore[abstract]


def _contains(versions: Versions, one: Any) -> bool:
    return any(version is one for version in versions)


def _record(version: Any) -> tuple[bytes, bytes]:
    if isinstance(version, FakeDeleteMarker):
        marker = {"name": version.name, "last_modified": version.last_modified, "version_id": version.version_id}
        return dump({"marker": marker}), b""
    state = version.__getstate__()
    body = state.pop("value") or b""
    state["multipart"] = None  # Its parts hold the whole content once more.
    return dump({"key": state}), body


def _version(record: bytes, body: bytes, earlier: Versions) -> Any:
    saved = pickle.loads(record)  # noqa: S301 - our own file
    if "key" in saved:
        key: Any = FakeKey.__new__(FakeKey)
        key.__setstate__({**saved["key"], "value": body})
        return key
    marker: Any = FakeDeleteMarker.__new__(FakeDeleteMarker)
    marker.__dict__.update(
        key=earlier[-1] if earlier else None,
        name=saved["marker"]["name"],
        last_modified=saved["marker"]["last_modified"],
        _version_id=saved["marker"]["version_id"],
    )
    return marker


def _apply_last_modified(version: Any) -> None:
    if not isinstance(version, FakeKey):
        return
    text = version.metadata.get(LAST_MODIFIED)
    if not text:
        return
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        log.warning("%s: '%s' is no ISO 8601 time", LAST_MODIFIED, text)
        return
    # moto's times are naive and in UTC.
    version.last_modified = (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)
