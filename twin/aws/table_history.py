"""DynamoDB's point-in-time recovery: what each item of a table was since when, and tables restored to a moment.

Recording begins when recovery is switched on for a table; nothing is ever forgotten, where AWS keeps 35 days.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.table import Table

from twin.aws.wire import AwsError

Request = dict[str, Any]


class TableHistory:
    """Told of every write under DynamoDB's lock: `before` it, where it may be refused, and `after` it."""

    def __init__(self, path: Path, account: str, region: str):
        self._account, self._region = account, region
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(
            """
            CREATE TABLE IF NOT EXISTS images (name TEXT, key TEXT, since REAL, item TEXT);
            CREATE INDEX IF NOT EXISTS by_table ON images (name, key, since);
            CREATE TABLE IF NOT EXISTS recorded (name TEXT PRIMARY KEY, since REAL);
            CREATE TABLE IF NOT EXISTS restored (name TEXT PRIMARY KEY, source TEXT, moment REAL);
            """
        )
        self._recorded = {name for (name,) in self._database.execute("SELECT name FROM recorded")}

    @property
    def _backend(self) -> DynamoDBBackend:
        return dynamodb_backends[self._account][self._region]

    def before(self, operation: str, request: Request) -> None:
        """Raises AwsError where a table cannot be restored to the moment that is asked for."""
        if operation != "RestoreTableToPointInTime":
            return
        source = request.get("SourceTableName", "")
        row = self._database.execute("SELECT since FROM recorded WHERE name = ?", (source,)).fetchone()
        if row is None:
            raise AwsError(
                "PointInTimeRecoveryUnavailableException", f"Point in time recovery is not enabled for table '{source}'"
            )
        if not row[0] <= _moment(request) <= time.time():
            raise AwsError("InvalidRestoreTimeException", "The RestoreDateTime is outside of the recovery window.")

    def after(self, operation: str, request: Request) -> None:
        """Keep what the write made of its items; fill a table that was just restored."""
        if operation == "UpdateContinuousBackups":
            enabled = request["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
            (self._begin if enabled else self._forget)(request["TableName"])
        elif operation == "DeleteTable":
            self._forget(request["TableName"])
        elif operation == "RestoreTableToPointInTime":
            target = request["TargetTableName"]
            row = (target, request["SourceTableName"], _moment(request))
            self._database.execute("INSERT OR REPLACE INTO restored VALUES (?, ?, ?)", row)
            self.again(operation, request)
        else:
            for name, key in _keys(operation, request):
                if name in self._recorded:
                    self._keep(self._backend.tables[name], key)

    def again(self, operation: str, request: Request) -> None:
        """The write is repeated from the journal: all is recorded; only a restored table is to be filled."""
        if operation != "RestoreTableToPointInTime":
            return
        target = self._backend.tables[request["TargetTableName"]]
        source, moment = self._database.execute(
            "SELECT source, moment FROM restored WHERE name = ?", (target.name,)
        ).fetchone()
        target.items.clear()
        for item in self._as_of(source, moment):
            target.put_item(item)

    def close(self) -> None:
        self._database.close()

    def _begin(self, name: str) -> None:
        if name in self._recorded:
            return
        self._recorded.add(name)
        self._database.execute("INSERT INTO recorded VALUES (?, ?)", (name, time.time()))
        table = self._backend.tables[name]
        for item in table.all_items():
            self._keep(table, item.to_json()["Attributes"])

    def _forget(self, name: str) -> None:
        self._recorded.discard(name)
        for table in ("recorded", "images"):
            self._database.execute(f"DELETE FROM {table} WHERE name = ?", (name,))  # noqa: S608

    def _keep(self, table: Table, item: Request) -> None:
        """Write down what stands under the item's key now, or that nothing does."""
        key = {name: item[name] for name in (table.hash_key_attr, table.range_key_attr) if name}
        stands = self._backend.get_item(table.name, key)
        image = json.dumps(stands.to_json()["Attributes"]) if stands else None
        row = (table.name, json.dumps(key, sort_keys=True), time.time(), image)
        self._database.execute("INSERT INTO images VALUES (?, ?, ?, ?)", row)

    def _as_of(self, name: str, moment: float) -> list[Request]:
        rows = self._database.execute(
            "SELECT item FROM images AS one WHERE name = ? AND rowid = (SELECT max(rowid) FROM images WHERE"
            " name = one.name AND key = one.key AND since <= ?)",
            (name, moment),
        )
        return [json.loads(item) for (item,) in rows if item]


def _moment(request: Request) -> float:
    asked = request.get("RestoreDateTime")
    return float(asked) if asked is not None else time.time()


def _keys(operation: str, request: Request) -> Iterator[tuple[str, Request]]:
    """(table, item or key) of each item that a write may have changed."""
    if operation in {"PutItem", "UpdateItem", "DeleteItem"}:
        yield request["TableName"], request.get("Item") or request["Key"]
    elif operation == "BatchWriteItem":
        for name, writes in request["RequestItems"].items():
            for write in writes:
                yield name, write["PutRequest"]["Item"] if "PutRequest" in write else write["DeleteRequest"]["Key"]
    elif operation == "TransactWriteItems":
        for each in request["TransactItems"]:
            for kind, write in each.items():
                if kind != "ConditionCheck":
                    yield write["TableName"], write.get("Item") or write["Key"]
