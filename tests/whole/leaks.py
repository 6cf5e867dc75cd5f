"""Looks for secrets wherever a system leaves bytes: in any spelling, in archives, databases, running processes."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import sqlite3
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil
from cryptography.fernet import Fernet, InvalidToken
from dulwich.repo import Repo

_PIECE = 12
"""Characters of a piece that is found alone: a message that was cut must not hide a leak."""
_DEEPEST = 4
_FERNET = re.compile(rb"gAAAA[\w=-]{80,}")
_SQLITE = b"SQLite format 3\0"


def spellings(secret: str) -> set[bytes]:
    """Each way in which `secret`, or its beginning or end, may stand in a file."""
    parts = {secret, secret[:_PIECE], secret[-_PIECE:]} if len(secret) >= 2 * _PIECE else {secret}
    found = set()
    for part in parts:
        raw = part.encode()
        found |= {raw, raw[::-1], json.dumps(part)[1:-1].encode(), quote(part, safe="").encode()}
        found |= {raw.hex().encode(), raw.hex().upper().encode()}
        for before in range(3):
            # Whatever stands around it decides the characters at both ends.
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                whole = encode(b"\0" * before + raw).rstrip(b"=")
                cut = whole[-(-before * 8 // 6) : len(whole) - bool((before + len(raw)) % 3)]
                found.add(cut)
    return found


def _any_of(words: list[bytes], depth: int = 3) -> bytes:
    """A pattern for the first of `words` that matches. Hundreds in a row would all be tried at each byte of a file."""
    if depth == 0 or len(words) < 2:
        return b"|".join(re.escape(word) for word in words)
    by_beginning: dict[bytes, list[bytes]] = {}
    for word in words:
        by_beginning.setdefault(word[:1], []).append(word[1:])
    return b"|".join(
        re.escape(beginning) + b"(?:" + _any_of(rest, depth - 1) + b")" if beginning else b""
        for beginning, rest in by_beginning.items()
    )


@dataclass
class Searcher:
    """`secrets`: name -> value. `fernet_key` opens what Airflow encrypts in its database."""

    secrets: Mapping[str, str]
    fernet_key: str = ""
    _names: dict[bytes, str] = field(init=False)
    _pattern: re.Pattern[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._names = {each: name for name, secret in self.secrets.items() for each in spellings(secret)}
        self._pattern = re.compile(_any_of(sorted(self._names, key=len, reverse=True)))

    def in_bytes(self, content: bytes, depth: int = 0) -> set[str]:
        """Names of the secrets in `content`, and in whatever is packed or encrypted in it."""
        found = {self._names[match.group()] for match in self._pattern.finditer(content)}
        if depth < _DEEPEST:
            for inner in (*_unpacked(content), *self._decrypted(content)):
                found |= self.in_bytes(inner, depth + 1)
        return found

    def _decrypted(self, content: bytes) -> Iterator[bytes]:
        for token in _FERNET.findall(content) if self.fernet_key else ():
            try:
                yield Fernet(self.fernet_key).decrypt(token)
            except InvalidToken:
                continue

    def below(self, folder: Path, *, passed_over: Mapping[str, tuple[str, ...]]) -> set[tuple[str, str]]:
        """(place, name) of each secret in the files of `folder`.

        `passed_over`: path -> tables of that database, or () for the whole file; a path that ends in `/` is a folder.
        """
        found: set[tuple[str, str]] = set()
        for path in sorted(folder.rglob("*")):
            place = str(path.relative_to(folder))
            skipped = passed_over.get(place)
            whole = skipped == () or any(each.endswith("/") and place.startswith(each) for each in passed_over)
            if whole or not path.is_file() or place.endswith(("-wal", "-shm")) or "/.git/" in place:
                continue
            for where, content in _contents(path, place, skipped or ()):
                found |= {(where, name) for name in self.in_bytes(content)}
        for repository in {path.parent for path in folder.rglob("objects") if (path.parent / "HEAD").is_file()}:
            store = Repo(str(repository)).object_store
            for sha in store:
                kind, content = store.get_raw(sha)
                found |= {(f"{repository.relative_to(folder)}:{kind}", name) for name in self.in_bytes(content)}
        return found


def _contents(path: Path, place: str, tables: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    try:
        with path.open("rb") as file:
            is_database = file.read(len(_SQLITE)) == _SQLITE
        if not is_database:
            yield place, path.read_bytes()
            return
    except FileNotFoundError:
        return
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    try:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in names:
            if table in tables:
                continue
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for cell in row:
                    if isinstance(cell, (str, bytes)):
                        yield f"{place}:{table}", cell.encode() if isinstance(cell, str) else cell
    finally:
        database.close()


def _unpacked(content: bytes) -> Iterator[bytes]:
    """What archives and compressed streams hold; nothing for other bytes, or where they are damaged."""
    try:
        if content.startswith(b"\x1f\x8b"):
            yield gzip.decompress(content)
        elif content.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                yield from (archive.read(name) for name in archive.namelist())
        elif content[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                yield from (file.read() for member in archive if (file := archive.extractfile(member)))
        elif content[:2] in (b"\x78\x9c", b"\x78\x01", b"\x78\xda"):
            yield zlib.decompress(content)
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, RuntimeError):
        return


class Watch:
    """Looks at the arguments and the environment of the processes that carry `mark`, as often as it can."""

    def __init__(self, searcher: Searcher, mark: tuple[str, str]):
        self._searcher, self._mark = searcher, mark
        self.found: set[tuple[str, str]] = set()
        self.seen: set[str] = set()
        """Commands that were looked at."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def _look_on(self) -> None:
        known: set[tuple[int, float, str]] = set()
        while not self._over.wait(0.3):
            for process in psutil.process_iter():
                try:
                    line = " ".join(process.cmdline())
                    # A forked process becomes its command later, with another environment.
                    identity = (process.pid, process.create_time(), line)
                    if identity in known:
                        continue
                    known.add(identity)
                    variables = process.environ()
                except psutil.Error:
                    continue
                if variables.get(self._mark[0]) == self._mark[1]:
                    self.seen.add(line)
                    content = "\n".join([line, *(f"{name}={value}" for name, value in variables.items())])
                    self.found |= {(line, name) for name in self._searcher.in_bytes(content.encode())}
