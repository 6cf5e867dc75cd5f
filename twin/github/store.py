"""The emulator's memory: one SQLite file that survives `kill -9`."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

Row = TypeVar("Row")
Clock = Callable[[], datetime]

# Each kind counts from its own start, so that an issue's number is never mistaken for its id.
_FIRST_IDS = {"labels": 5_000_000, "issues": 10_000_000, "comments": 20_000_000, "events": 30_000_000}


def system_clock() -> datetime:
    return datetime.now(UTC)


class Store:
    """Typed access to the tables of `schema.sql`. Used from one thread: the server's event loop."""

    def __init__(self, path: Path, clock: Clock = system_clock) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.clock = clock
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing with NORMAL; only a power cut could.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript((Path(__file__).parent / "schema.sql").read_text())
        for table, first in _FIRST_IDS.items():
            self._db.execute(
                "INSERT INTO sqlite_sequence (name, seq) SELECT ?, ? WHERE NOT EXISTS "
                "(SELECT 1 FROM sqlite_sequence WHERE name = ?)",
                (table, first, table),
            )

    def now(self) -> str:
        """ISO 8601, UTC, microseconds: sorts as text. The API shows it cut to seconds."""
        return self.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nests."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def all(self, kind: type[Row], sql: str, *values: Any) -> list[Row]:
        return [kind(**dict(row)) for row in self._db.execute(sql, values)]

    def one(self, kind: type[Row], sql: str, *values: Any) -> Row | None:
        row = self._db.execute(sql, values).fetchone()
        return None if row is None else kind(**dict(row))

    def get(self, kind: type[Row], sql: str, *values: Any) -> Row:
        """Like `one` where a missing row is our defect."""
        row = self.one(kind, sql, *values)
        if row is None:
            raise LookupError(f"{sql} {values}")
        return row

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self._db.execute(sql, values)]

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self._db.execute(sql, values).fetchone()
        return None if row is None else row[0]

    def execute(self, sql: str, *values: Any) -> int:
        """Number of rows changed."""
        return self._db.execute(sql, values).rowcount

    def insert(self, table: str, **values: Any) -> int:
        """The new row's id. `table` and the names come from our own code only."""
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        return int(self._db.execute(sql, tuple(values.values())).lastrowid or 0)

    def update(self, table: str, id: int, **values: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(f"UPDATE {table} SET {names} WHERE id = ?", (*values.values(), id))  # noqa: S608

    def setting(self, name: str, default: Callable[[], str] = lambda: secrets.token_hex(32)) -> str:
        """A value made once and kept, e.g. the key that signs the forms of the pages."""
        with self.transaction():
            known = self.value("SELECT value FROM settings WHERE name = ?", name)
            if known is None:
                known = default()
                self.insert("settings", name=name, value=known)
        return str(known)

    def close(self) -> None:
        self._db.close()
