"""The learning curve that a training job left in its archive, read without unpacking it."""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from typing import Any

from mlops.aws import Cloud, translated
from mlops.errors import PlatformFault
from mlops.keys import split_uri

_MOST_ARCHIVE = 512 << 20
_MOST_UNPACKED = 2 << 30
_MOST_LOG = 8 << 20


class _Bounded(io.RawIOBase):
    """Unpacks a gzip stream as it is read, and refuses to give more than `_MOST_UNPACKED` bytes."""

    def __init__(self, chunks: Any):
        self._chunks = iter(chunks)
        self._unzip = zlib.decompressobj(wbits=31)
        self._ready = b""
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            if self._unzip.unconsumed_tail:
                self._ready = self._unzip.decompress(self._unzip.unconsumed_tail, 1 << 20)
                continue
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._ready = self._unzip.decompress(chunk, 1 << 20)
        part, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        self._given += len(part)
        if self._given > _MOST_UNPACKED:
            raise PlatformFault("The training archive is larger than it may be.")
        buffer[: len(part)] = part
        return len(part)


def read_training_log(cloud: Cloud, model_uri: str) -> dict[str, Any]:
    """`training_log.json` of an archive: metrics, rows and the curve. Empty where there is none.

    Nothing is written to disk: the archive is read as a stream, and only this one regular file is looked into.
    """
    bucket, key = split_uri(model_uri)
    with translated(f"read {model_uri}"):
        answer = cloud.s3.get_object(Bucket=bucket, Key=key)
        if answer["ContentLength"] > _MOST_ARCHIVE:
            return {}
        return _find(answer["Body"].iter_chunks(1 << 16))


def _find(chunks: Any) -> dict[str, Any]:
    try:
        with tarfile.open(fileobj=io.BufferedReader(_Bounded(chunks)), mode="r|") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name == "training_log.json" and member.isreg() and member.size <= _MOST_LOG:
                    content = archive.extractfile(member)
                    found = json.loads(content.read()) if content else {}
                    return found if isinstance(found, dict) else {}
    except (tarfile.TarError, zlib.error, ValueError):
        return {}
    return {}
