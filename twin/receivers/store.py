"""The inbox: one SQLite file with every message that arrived, and the incidents they opened."""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twin.github.faults import Faults

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, channel TEXT NOT NULL,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL, text TEXT NOT NULL, updated_at TEXT, detail TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS incidents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, dedup_key TEXT NOT NULL, routing_key TEXT NOT NULL, state TEXT NOT NULL,
    summary TEXT NOT NULL, severity TEXT NOT NULL, opened_at TEXT NOT NULL, changed_at TEXT NOT NULL,
    events INTEGER NOT NULL
);
"""
KINDS = ("slack", "mail", "page")


@dataclass(frozen=True)
class Message:
    """One message. `channel` is a Slack channel's name, the recipients of a mail, or a page's dedup key."""

    id: int
    at: str
    kind: str
    channel: str
    sender: str
    subject: str
    text: str
    updated_at: str | None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Incident:
    id: int
    dedup_key: str
    routing_key: str
    state: str
    """triggered, acknowledged or resolved."""
    summary: str
    severity: str
    opened_at: str
    changed_at: str
    events: int


class Inbox:
    """Used by the web server's thread and the mail server's."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        self.faults = Faults()

    def _run(self, sql: str, *values: Any) -> tuple[list[dict[str, Any]], int]:
        with self._lock:
            cursor = self._db.execute(sql, values)
            return [dict(row) for row in cursor.fetchall()], int(cursor.lastrowid or 0)

    # --- messages

    def add(self, kind: str, channel: str, sender: str, subject: str, text: str, detail: dict[str, Any]) -> Message:
        sql = "INSERT INTO messages (at, kind, channel, sender, subject, text, detail) VALUES (?, ?, ?, ?, ?, ?, ?)"
        _, id = self._run(sql, now(), kind, channel, sender, subject, text, json.dumps(detail))
        return self.find(id=id)[0]

    def change(self, id: int, text: str, detail: dict[str, Any]) -> None:
        sql = "UPDATE messages SET text = ?, detail = ?, updated_at = ? WHERE id = ?"
        self._run(sql, text, json.dumps(detail), now(), id)

    def find(
        self, *, id: int = 0, kind: str = "", channel: str = "", words: str = "", after: int = 0, limit: int = 1000
    ) -> list[Message]:
        """Oldest first; every argument narrows."""
        sql = (
            "SELECT * FROM messages WHERE (? = 0 OR id = ?) AND (? = '' OR kind = ?) "
            "AND (? = '' OR instr(channel, ?) > 0) "
            "AND (? = '' OR instr(lower(subject || ' ' || text), lower(?)) > 0) AND id > ? ORDER BY id LIMIT ?"
        )
        found, _ = self._run(sql, id, id, kind, kind, channel, channel, words, words, after, limit)
        return [Message(**{**row, "detail": json.loads(row["detail"])}) for row in found]

    def clear(self) -> None:
        self._run("DELETE FROM messages")
        self._run("DELETE FROM incidents")

    # --- incidents

    def incidents(self, open_key: str = "") -> list[Incident]:
        """All, oldest first; with a dedup key only the open one under it."""
        sql = "SELECT * FROM incidents WHERE ? = '' OR (dedup_key = ? AND state != 'resolved') ORDER BY id"
        return [Incident(**row) for row in self._run(sql, open_key, open_key)[0]]

    def open(self, dedup_key: str, routing_key: str, summary: str, severity: str) -> None:
        sql = (
            "INSERT INTO incidents (dedup_key, routing_key, state, summary, severity, opened_at, changed_at, events) "
            "VALUES (?, ?, 'triggered', ?, ?, ?, ?, 1)"
        )
        self._run(sql, dedup_key, routing_key, summary, severity, now(), now())

    def move(self, incident: Incident, state: str) -> None:
        sql = "UPDATE incidents SET state = ?, changed_at = ?, events = events + 1 WHERE id = ?"
        self._run(sql, state, now(), incident.id)

    def close(self) -> None:
        self._db.close()


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
