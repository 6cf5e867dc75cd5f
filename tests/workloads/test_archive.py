"""Archives: the same bytes for the same content, and nothing read that could do harm."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from workloads import archive
from workloads.archive import ArchiveError


def packed(path, *members, content=b"x"):
    """A tar.gz of `members`: names, or TarInfo objects for what is no plain file."""
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            if info.isreg():
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_what_was_written_is_read_back(tmp_path):
    archive.write(tmp_path / "a.tar.gz", {"model.onnx": b"abc", "code/x.py": b"pass"})
    assert archive.extract(tmp_path / "a.tar.gz", tmp_path / "out") == ["code/x.py", "model.onnx"]
    assert (tmp_path / "out" / "model.onnx").read_bytes() == b"abc"


def test_bytes_do_not_depend_on_order_time_or_place(tmp_path):
    (tmp_path / "file").write_bytes(b"1")
    once = archive.write(tmp_path / "a.tar.gz", {"a": tmp_path / "file", "b": b"2"})
    again = archive.write(tmp_path / "another-name.tar.gz", {"b": b"2", "a": b"1"})
    assert once == again
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "another-name.tar.gz").read_bytes()


def test_folders_and_leading_dots_of_sagemakers_archives_are_fine(tmp_path):
    path = packed(tmp_path / "a.tar.gz", special(".", tarfile.DIRTYPE), "./model.onnx", "./native//model.json")
    assert archive.extract(path, tmp_path / "out") == ["model.onnx", "native/model.json"]


@pytest.mark.parametrize(
    "member",
    [
        "/etc/passwd", "../out", "a/../../out", "a\\..\\b",
        special("link", tarfile.SYMTYPE, "/etc"), special("hard", tarfile.LNKTYPE, "x"),
        special("fifo", tarfile.FIFOTYPE), special("device", tarfile.CHRTYPE),
    ],
    ids=["absolute", "climbing", "climbing-inside", "backslash", "symlink", "hardlink", "fifo", "device"],
)  # fmt: skip
def test_dangerous_members_are_refused(tmp_path, member):
    with pytest.raises(ArchiveError):
        archive.extract(packed(tmp_path / "a.tar.gz", "fine", member), tmp_path / "deep" / "out")
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["a.tar.gz", "fine"]


def test_long_link_name_trick_is_refused(tmp_path):
    """A chain of links that beats tarfile's `data` filter on some versions: no link gets through here."""
    long = "d" * 250
    members = [
        special(long, tarfile.DIRTYPE),
        special("a", tarfile.SYMTYPE, long),
        special("a/b", tarfile.SYMTYPE, ".."),
    ]
    with pytest.raises(ArchiveError, match="no regular file"):
        archive.extract(packed(tmp_path / "a.tar.gz", *members, "a/b/evil"), tmp_path / "out")


def test_name_that_comes_twice_is_refused_also_when_spelled_otherwise(tmp_path):
    with pytest.raises(ArchiveError, match="twice"):
        archive.extract(packed(tmp_path / "a.tar.gz", "x", "./x"), tmp_path / "out")


def test_more_bytes_or_files_than_allowed_are_refused(tmp_path):
    path = packed(tmp_path / "a.tar.gz", "a", "b", content=b"0" * 1000)
    with pytest.raises(ArchiveError, match="1500 bytes"):
        archive.extract(path, tmp_path / "1", most_bytes=1500)
    with pytest.raises(ArchiveError, match="1 files"):
        archive.extract(path, tmp_path / "2", most_files=1)


def test_sparse_giant_is_refused_before_it_is_written(tmp_path):
    info = tarfile.TarInfo("giant")
    info.size = 10**13
    with gzip.open(tmp_path / "a.tar.gz", "wb") as file:
        file.write(info.tobuf())
    with pytest.raises(ArchiveError, match="bytes"):
        archive.extract(tmp_path / "a.tar.gz", tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"no tar either" * 100, mtime=0)],
                         ids=["empty", "no gzip", "no tar"])  # fmt: skip
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(ArchiveError, match=r"a\.tar\.gz cannot be read"):
        archive.extract(tmp_path / "a.tar.gz", tmp_path / "out")


def test_truncated_archive_is_refused(tmp_path):
    path = tmp_path / "a.tar.gz"
    archive.write(path, {"a": bytes(range(256)) * 1000})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ArchiveError):
        archive.extract(path, tmp_path / "out")


def test_writer_refuses_names_the_reader_would_refuse(tmp_path):
    with pytest.raises(ArchiveError):
        archive.write(tmp_path / "a.tar.gz", {"../x": b""})
