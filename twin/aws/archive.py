"""tar.gz archives of models and outputs."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path


def pack(folder: Path) -> bytes:
    """The files below `folder` as tar.gz; equal trees give equal bytes."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for path in sorted(folder.rglob("*")):
            tar.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=_plain)
    return buffer.getvalue()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
    return entry


def unpack(content: bytes, folder: Path) -> None:
    """Raises tarfile.TarError or OSError; members that would leave the folder are refused."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:*") as tar:
        tar.extractall(folder, filter="data")
