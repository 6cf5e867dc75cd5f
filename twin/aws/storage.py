"""Objects in moto's S3, for jobs and endpoints: the twin reads and writes them without the detour over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from moto.s3.exceptions import MissingBucket
from moto.s3.models import FakeKey, S3Backend, s3_backends

from twin.aws.locks import Locks
from twin.aws.trail import Trail


class ObjectMissing(Exception):
    """No such bucket, key or prefix; the message is what S3 says."""


def split_uri(uri: str) -> tuple[str, str]:
    """`s3://bucket/a/b` -> (`bucket`, `a/b`)."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


class Storage:
    def __init__(self, account: str, locks: Locks, trail: Trail):
        self._account = account
        self._locks = locks
        self._trail = trail
        self.on_write: Callable[[str, str], None] = lambda bucket, key: None
        """Told of each object written, under the lock (the write-through to disk listens)."""

    @property
    def backend(self) -> S3Backend:
        return s3_backends[self._account]["aws"]

    def keys(self, uri: str) -> list[str]:
        """Keys of the objects that begin with the URI's key, folders' own marks left out. Raises ObjectMissing."""
        bucket, prefix = split_uri(uri)
        self._trail.object("ListBucket", bucket)
        with self._locks.reading("s3"):
            try:
                found = self.backend.list_objects(self.backend.get_bucket(bucket), prefix, None, None, None)[0]
            except MissingBucket as missing:
                raise ObjectMissing("The specified bucket does not exist") from missing
            return [key.name for key in found if not key.name.endswith("/")]

    def read(self, bucket: str, key: str) -> bytes:
        """Raises ObjectMissing."""
        self._trail.object("GetObject", bucket, key)
        with self._locks.reading("s3"):
            try:
                found = self.backend.get_object(bucket, key)
            except MissingBucket as missing:
                raise ObjectMissing("The specified bucket does not exist") from missing
            if not isinstance(found, FakeKey):
                raise ObjectMissing("The specified key does not exist.")
            return found.value

    def write(self, uri: str, value: bytes) -> None:
        """Raises ObjectMissing where the bucket does not exist."""
        bucket, key = split_uri(uri)
        self._trail.object("PutObject", bucket, key)
        with self._locks.changing("s3"):
            try:
                self.backend.put_object(bucket, key, value)
            except MissingBucket as missing:
                raise ObjectMissing("The specified bucket does not exist") from missing
            self.on_write(bucket, key)

    def download(self, uri: str, folder: Path, only: list[str] | None = None) -> int:
        """Copy an object, or all below a prefix, into `folder` as SageMaker lays them out; returns how many.

        `only` names the keys where a manifest chose them. Raises ObjectMissing where there is nothing.
        """
        bucket, prefix = split_uri(uri)
        keys = self.keys(uri) if only is None else only
        if not keys:
            raise ObjectMissing("No S3 objects found")
        for key in keys:
            target = (folder / relative_key(key, prefix)).resolve()
            if not target.is_relative_to(folder.resolve()):
                raise ObjectMissing(f"The key {key} leads out of the folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.read(bucket, key))
        return len(keys)

    def upload(self, folder: Path, uri: str) -> int:
        """Copy every file below `folder` (or the one file it is) under the prefix; returns how many."""
        if folder.is_file():
            self.write(f"{uri.rstrip('/')}/{folder.name}", folder.read_bytes())
            return 1
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for path in files:
            self.write(f"{uri.rstrip('/')}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return len(files)


def relative_key(key: str, prefix: str) -> str:
    """Where a key lands below the channel's folder.

    A prefix that is the whole key gives the file's name; one that names a folder gives the rest; one that ends inside
    a name (`part-`) gives the rest counted from its last slash.
    """
    if key == prefix:
        return key.rpartition("/")[2]
    folder = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
    if not key.startswith(folder):
        folder = prefix[: prefix.rfind("/") + 1]
    return key[len(folder) :].lstrip("/")
