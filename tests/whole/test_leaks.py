"""The searcher for secrets sees through spellings, archives, databases and encryption."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet

sys.path.insert(0, str(Path(__file__).parent))

from leaks import Searcher

SECRET = "ghp_0123456789/abcdef+ghijkl"
FERNET = Fernet.generate_key()
searcher = Searcher({"it": SECRET}, FERNET.decode())


def in_tar(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        entry = tarfile.TarInfo("a")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def in_zip(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", content)
    return file.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        SECRET, SECRET[:12], SECRET[-12:], quote(SECRET, safe=""), SECRET[::-1], SECRET.encode().hex(),
        SECRET.encode().hex().upper(), json.dumps({"x": SECRET}),
    ],
    ids=["plain", "its beginning", "its end", "in an address", "backwards", "hex", "HEX", "JSON"],
)  # fmt: skip
def test_spelling_is_found(text):
    assert searcher.in_bytes(f"before {text} after".encode()) == {"it"}


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode], ids=["standard", "for addresses"])
@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("after", range(4))
def test_base64_is_found_wherever_it_begins(encode, before, after):
    assert searcher.in_bytes(encode(b"x" * before + SECRET.encode() + b"y" * after)) == {"it"}


@pytest.mark.parametrize(
    "packed",
    [gzip.compress, zlib.compress, in_tar, in_zip, Fernet(FERNET).encrypt, lambda content: in_zip(in_tar(content))],
    ids=["gzip", "zlib", "tar.gz", "zip", "Fernet", "tar in zip"],
)
def test_what_is_packed_or_encrypted_is_found(packed):
    assert searcher.in_bytes(packed(SECRET.encode())) == {"it"}


def test_cells_of_a_database_are_read_and_named(tmp_path):
    database = sqlite3.connect(tmp_path / "some.db")
    database.execute("CREATE TABLE kept (value BLOB)")
    database.execute("CREATE TABLE told (value BLOB)")
    for table in ("kept", "told"):
        database.execute(f"INSERT INTO {table} VALUES (?)", (gzip.compress(SECRET.encode()),))
    database.commit()
    assert searcher.below(tmp_path, passed_over={"some.db": ("kept",)}) == {("some.db:told", "it")}


def test_only_what_is_named_is_passed_over(tmp_path):
    for name in ("vault", "vault2"):
        (tmp_path / name).write_text(SECRET)
    assert searcher.below(tmp_path, passed_over={"vault": ()}) == {("vault2", "it")}


def test_other_text_is_not_taken_for_it():
    assert searcher.in_bytes(b"ghp_ 0123456 abcdef " * 1000) == set()
