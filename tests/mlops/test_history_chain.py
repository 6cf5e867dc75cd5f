"""The chain of records shows each change, omission and replacement."""

from __future__ import annotations

import json

import pytest

from mlops import history
from mlops.history_chain import CHAIN, Link, sha256, verify
from mlops.record import Outcome, RunState
from tests.mlops.records import deployed_record

PNG = b"\x89PNG\r\n\x1a\npicture"


def finished(number: int):
    return deployed_record(
        run_key=f"gh-4242-{number}-0123456789ab",
        state=RunState.FINISHED,
        outcome=Outcome.DEPLOYED,
        ended_at="2026-11-23T10:03:02Z",
    )


class Files(dict):
    """A commit in memory, to be tampered with."""

    def read(self, path):
        return self.get(path)

    def paths(self):
        return sorted(path for path in self if path.startswith("training_history/"))


@pytest.fixture
def chain() -> tuple[Files, Link]:
    """Four records with a plot each, and the link that the ledger remembers."""
    files, newest = Files(), None
    for number in range(1, 5):
        added, newest = history.compose(finished(number), newest, {"confusion_matrix.png": PNG + bytes([number])})
        files.update(added)
    return files, newest


def test_an_untouched_chain_holds(chain):
    assert verify(*chain) == []
    assert verify(Files()) == []


def test_every_changed_byte_is_found_and_the_record_named(chain):
    files, anchor = chain
    for path in files.paths():
        for place in (0, len(files[path]) // 2, -1):
            changed = bytearray(files[path])
            changed[place] ^= 1
            problems = verify(Files({**files, path: bytes(changed)}), anchor)
            assert problems, path
            assert path in problems[0] or path == CHAIN


def test_every_dropped_file_is_found(chain):
    files, anchor = chain
    for path in files.paths():
        problems = verify(Files({name: content for name, content in files.items() if name != path}), anchor)
        assert problems, path


def test_a_cut_or_replaced_end_is_found_by_the_ledgers_memory(chain):
    _, anchor = chain
    shorter, newest = Files(), None
    for number in range(1, 4):
        added, newest = history.compose(finished(number), newest, {"confusion_matrix.png": PNG + bytes([number])})
        shorter.update(added)
    assert verify(shorter) == []
    assert "gh-4242-4-" in verify(shorter, anchor)[0]
    forged, _ = history.compose(finished(9), newest, {})
    assert "was cut or replaced" in verify(Files({**shorter, **forged}), anchor)[0]


def test_a_stray_record_is_found(chain):
    files, anchor = chain
    path = "training_history/2026/gh-4242-99-0123456789ab.json"
    assert verify(Files({**files, path: b"{}"}), anchor) == [f"{path} belongs to no record"]


def test_swapped_records_are_found(chain):
    files, anchor = chain
    one, two = (f"training_history/2026/gh-4242-{number}-0123456789ab.json" for number in (2, 3))
    assert verify(Files({**files, one: files[two], two: files[one]}), anchor)


@pytest.mark.parametrize("forged", [b"{}", b"[]", b"7", b"not JSON", b'{"number": 4}', b'{"number": 4, "files": []}'])
def test_forged_record_with_the_right_hash_is_named_not_crashed_on(chain, forged):
    files, newest = chain
    head = Link(newest.path, sha256(forged), newest.number)
    files[newest.path] = forged
    files[CHAIN] = json.dumps(head.as_dict()).encode()
    (problem,) = verify(files)
    assert problem.startswith(newest.path)


@pytest.mark.parametrize("forged", [b"[]", b"7", b'{"path": 7, "sha256": "x", "number": 1}', b'{"path": "x"}'])
def test_chain_file_of_another_shape_cannot_be_read(chain, forged):
    files, _ = chain
    files[CHAIN] = forged
    assert verify(files) == [f"{CHAIN} cannot be read"]
