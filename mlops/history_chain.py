"""The chain of records: each names the one before by the hash of its bytes, so that no change goes unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mlops.github import GitHubRepository

FOLDER = "training_history"
CHAIN = f"{FOLDER}/chain.json"
"""Names the newest record. It changes in the commit that adds the record, so two writers cannot both be newest."""

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)
"""What reading a file of another shape raises."""


@dataclass(frozen=True)
class Link:
    """One record of the chain: where it lies, what its bytes hash to, and its number from 1."""

    path: str
    sha256: str
    number: int

    @classmethod
    def read(cls, value: Any) -> Link:
        """Raises ValueError or TypeError where `value` is no link."""
        link = cls(**value)
        if not (isinstance(link.path, str) and isinstance(link.sha256, str) and type(link.number) is int):
            raise TypeError("no link of the chain")
        return link

    def as_dict(self) -> dict[str, Any]:
        return {"path": self.path, "sha256": self.sha256, "number": self.number}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Tree(Protocol):
    """The files of one commit."""

    def read(self, path: str) -> bytes | None: ...

    def paths(self) -> list[str]:
        """All files below `training_history/`."""
        ...


class Folder:
    """A checkout on disk."""

    def __init__(self, root: Path):
        self._root = root

    def read(self, path: str) -> bytes | None:
        file = self._root / path
        return file.read_bytes() if file.is_file() else None

    def paths(self) -> list[str]:
        base = self._root / FOLDER
        return sorted(str(file.relative_to(self._root)) for file in base.rglob("*") if file.is_file())


class Commit:
    """A commit on GitHub."""

    def __init__(self, repository: GitHubRepository, ref: str):
        self._repository = repository
        self._ref = ref

    def read(self, path: str) -> bytes | None:
        return self._repository.read_file(path, self._ref)

    def paths(self) -> list[str]:
        return sorted(self._walk(FOLDER))

    def _walk(self, folder: str) -> Iterator[str]:
        for path in self._repository.list_folder(folder, self._ref):
            if path.endswith("/"):
                yield from self._walk(path.rstrip("/"))
            else:
                yield path


def verify(tree: Tree, anchor: Link | None = None) -> list[str]:
    """What is wrong with the history, the newest record first; empty where the chain holds.

    Args:
        anchor: a link known from elsewhere (the ledger) that the chain must contain.
    """
    try:
        content = tree.read(CHAIN)
        link = Link.read(json.loads(content)) if content else None
    except _UNREADABLE:
        return [f"{CHAIN} cannot be read"]
    problems: list[str] = []
    seen = {CHAIN}
    anchored = anchor is None
    while link is not None and not problems:
        anchored = anchored or link == anchor
        try:
            problems, following = _verify_link(tree, link, seen)
        except _UNREADABLE:  # its hash is right, and still it is no record: whoever forged one forged the other
            problems, following = [f"{link.path} cannot be read as a record"], None
        if not problems and following is None and link.number != 1:
            problems = [f"{link.path} names no record before it, but is number {link.number}"]
        link = following
    if not problems and not anchored:
        assert anchor is not None
        problems = [f"{anchor.path}, number {anchor.number}, is missing: the end of the chain was cut or replaced"]
    if not problems:
        problems = [f"{path} belongs to no record" for path in tree.paths() if path not in seen]
    return problems


def _verify_link(tree: Tree, link: Link, seen: set[str]) -> tuple[list[str], Link | None]:
    if not link.path.startswith(f"{FOLDER}/") or ".." in link.path:
        return [f"{link.path!r} lies outside {FOLDER}/"], None
    if link.path in seen:
        return [f"{link.path} appears twice in the chain"], None
    seen.add(link.path)
    content = tree.read(link.path)
    if content is None:
        return [f"{link.path} is missing"], None
    if sha256(content) != link.sha256:
        return [f"{link.path} was changed"], None
    body = json.loads(content)
    if body["number"] != link.number:
        return [f"{link.path} is number {body['number']}, not {link.number}"], None
    for path, expected in sorted(body["files"].items()):
        seen.add(path)
        beside = tree.read(path)
        if beside is None or sha256(beside) != expected:
            return [f"{path} {'is missing' if beside is None else 'was changed'}"], None
    previous = Link.read(body["previous"]) if body["previous"] else None
    if previous and previous.number != link.number - 1:
        return [f"{link.path} names number {previous.number} as the one before it"], None
    return [], previous
