"""`model.tar.gz`, written the same way every time and read with nothing taken on trust.

Only regular files, with relative, normalised, unique names, and never more bytes or files than allowed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

MOST_BYTES = 2 * 1024**3
MOST_FILES = 10_000
CHUNK = 1024 * 1024


class ArchiveError(ValueError):
    """The archive holds something that is not allowed; nothing beyond that point was read."""


def write(path: Path, files: Mapping[str, Path | bytes]) -> str:
    """Write `files` (name in the archive: source) as tar.gz and return its SHA-256.

    The bytes depend on names and contents alone: sorted, no times, no owners.
    """
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name in sorted(files):
            source = files[name]
            content = source if isinstance(source, bytes) else source.read_bytes()
            member = tarfile.TarInfo(_safe_name(name))
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def extract(path: Path, folder: Path, *, most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES) -> list[str]:
    """Write the regular files of the tar.gz at `path` below `folder`; returns their names, in order.

    Raises:
        ArchiveError: a link, a device, an absolute or climbing or repeated name, too many bytes or files,
            or no readable tar.gz. What was written until then stays.
    """
    names: list[str] = []
    left = most_bytes
    try:
        with tarfile.open(path, mode="r|gz") as archive:
            for member in archive:
                if member.isdir():
                    continue  # folders come with their files
                if not member.isreg() or member.issparse():
                    raise ArchiveError(f"{member.name!r} is no regular file")
                name = _safe_name(member.name)
                if name in names:
                    raise ArchiveError(f"{name!r} is there twice")
                if len(names) >= most_files:
                    raise ArchiveError(f"more than {most_files} files")
                left -= member.size
                if left < 0:
                    raise ArchiveError(f"more than {most_bytes} bytes")
                _copy(archive, member, folder, name)
                names.append(name)
    except (tarfile.TarError, EOFError, OSError) as wrong:
        raise ArchiveError(f"{path.name} cannot be read as tar.gz: {wrong}") from wrong
    return names


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, name: str) -> None:
    source = archive.extractfile(member)
    if source is None:
        raise ArchiveError(f"{name!r} has no content")
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while chunk := source.read(CHUNK):
            file.write(chunk)


def _safe_name(name: str) -> str:
    """`name` normalised. Raises ArchiveError where it could land outside, or on two places."""
    if not name or "\\" in name or "\0" in name or name.startswith("/"):
        raise ArchiveError(f"{name!r} is no relative name")
    path = PurePosixPath(name)  # drops "." and doubled slashes
    if ".." in path.parts or not path.parts:
        raise ArchiveError(f"{name!r} leaves the folder")
    return str(path)
