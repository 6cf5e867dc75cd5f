"""SageMaker's own records: named JSON documents, on disk before anyone hears of them."""

from __future__ import annotations

import copy
import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Store:
    """Documents by (kind, name), in the order of creation. Safe for threads; each write is one transaction.

    A document has the shape of the service's Describe answer; members that begin with `_` are the twin's own.
    """

    def __init__(self, path: Path):
        self.lock = threading.RLock()
        # WAL without fsync a write: a `kill -9` of the process loses nothing, only a power cut could.
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS documents (kind TEXT, name TEXT, body TEXT, PRIMARY KEY (kind, name))"
        )
        self._documents: dict[str, dict[str, Document]] = {}
        for kind, name, body in self._database.execute("SELECT kind, name, body FROM documents ORDER BY rowid"):
            self._documents.setdefault(kind, {})[name] = json.loads(body)

    def get(self, kind: str, name: str) -> Document | None:
        with self.lock:
            return copy.deepcopy(self._documents.get(kind, {}).get(name))

    def all(self, kind: str, keep: Callable[[Document], bool] = lambda _: True) -> list[Document]:
        """Those that `keep` says (it must not change them)."""
        with self.lock:
            return [copy.deepcopy(each) for each in self._documents.get(kind, {}).values() if keep(each)]

    def insert(self, kind: str, name: str, document: Document) -> bool:
        """False, and nothing changed, where the name is taken."""
        with self.lock:
            if name in self._documents.get(kind, {}):
                return False
            self.put(kind, name, document)
            return True

    def put(self, kind: str, name: str, document: Document) -> None:
        with self.lock:
            self._database.execute(
                "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body",
                (kind, name, json.dumps(document)),
            )
            self._documents.setdefault(kind, {})[name] = copy.deepcopy(document)

    def change(self, kind: str, name: str, change: Callable[[Document], None]) -> Document | None:
        """Apply `change` to the document in place and keep it. None where there is none (deleted meanwhile)."""
        with self.lock:
            document = self.get(kind, name)
            if document is None:
                return None
            change(document)
            self.put(kind, name, document)
            return document

    def delete(self, kind: str, name: str) -> bool:
        with self.lock:
            self._database.execute("DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name))
            return self._documents.get(kind, {}).pop(name, None) is not None

    def close(self) -> None:
        with self.lock:
            self._database.close()


def public(document: Document) -> Document:
    """The document as the service shows it."""
    return {name: value for name, value in document.items() if not name.startswith("_") and value is not None}
