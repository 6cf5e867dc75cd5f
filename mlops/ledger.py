"""The ledger: one DynamoDB item a run, an issue, a version or an endpoint, each written by condition only."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlops.aws import Cloud, error_code, translated
from mlops.errors import Conflict, RequestRefused
from mlops.record import RunRecord, RunState
from mlops.settings import Settings

_TRIES = 30


def run_item(run_key: str) -> str:
    return f"run#{run_key}"


def issue_item(repository_id: int, issue: int) -> str:
    return f"issue#{repository_id}#{issue}"


def cursor_item(repository: str) -> str:
    return f"cursor#{repository}"


def version_item(model: str) -> str:
    return f"version#{model}"


def dataset_item(dataset: str) -> str:
    return f"dataset#{dataset}"


def endpoint_item(endpoint: str) -> str:
    return f"endpoint#{endpoint}"


def idempotency_item(agent: str, key: str) -> str:
    return f"idem#{agent}#{key}"


@dataclass(frozen=True)
class Item:
    """One small document and the version that a writer must name to replace it."""

    id: str
    value: dict[str, Any]
    version: int
    updated_at: float
    """Unix seconds."""


class Ledger:
    """Exactly-once memory outside Airflow's database. Values are JSON objects; versions count from 1."""

    def __init__(self, cloud: Cloud, table: str):
        self._cloud = cloud
        self._table = table

    @classmethod
    def from_settings(cls, settings: Settings, cloud: Cloud) -> Ledger:
        return cls(cloud, settings.ledger_table)

    # -- items ---------------------------------------------------------------------------------------------------
    def get_item(self, item_id: str) -> Item | None:
        """The item as it is now (a consistent read), or None."""
        row = self._read(item_id)
        return _item(row) if row else None

    def put_item(
        self, item_id: str, value: dict[str, Any], expected_version: int = 0, *, keep_s: int | None = None
    ) -> Item:
        """Write `value`; `expected_version` 0 means that the item must not exist yet.

        `keep_s` marks the item for deletion after that many seconds (DynamoDB's TTL, attribute `expires_at`).

        Raises:
            Conflict: somebody else wrote first; read again and decide anew.
        """
        now, nonce = time.time(), uuid.uuid4().hex
        row: dict[str, Any] = {
            "id": {"S": item_id},
            "kind": {"S": item_id.partition("#")[0]},
            "version": {"N": str(expected_version + 1)},
            "nonce": {"S": nonce},
            "updated_at": {"N": repr(now)},
            "value": {"S": json.dumps(value, ensure_ascii=False, sort_keys=True)},
        }
        if keep_s is not None:
            row["expires_at"] = {"N": str(int(now) + keep_s)}
        request: dict[str, Any] = {"TableName": self._table, "Item": row}
        if expected_version:
            request["ConditionExpression"] = "#v = :v"
            request["ExpressionAttributeNames"] = {"#v": "version"}
            request["ExpressionAttributeValues"] = {":v": {"N": str(expected_version)}}
        else:
            request["ConditionExpression"] = "attribute_not_exists(id)"
        with translated(f"write {item_id} to the ledger"):
            try:
                self._cloud.dynamodb.put_item(**request)
            except self._cloud.dynamodb.exceptions.ConditionalCheckFailedException as refused:
                # A lost reply is sent again by botocore and meets its own first write.
                stored = self._read(item_id)
                if not stored or stored["nonce"]["S"] != nonce:
                    raise Conflict(f"{item_id} was written by somebody else.") from refused
        return _item(row)

    def change_item(self, item_id: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Replace the value by `change(value)`; starts from `{}`. `change` may run several times: keep it pure.

        Returns the value that stands in the ledger afterwards. Nothing is written when nothing changed.
        """
        for attempt in range(_TRIES):
            known = self.get_item(item_id)
            before = known.value if known else {}
            after = change(json.loads(json.dumps(before)))
            if after == before and known:
                return before
            try:
                return self.put_item(item_id, after, known.version if known else 0).value
            except Conflict:
                _pause(attempt)
        raise Conflict(f"{item_id} changed {_TRIES} times while it was being written; try again.")

    def delete_item(self, item_id: str) -> None:
        with translated(f"delete {item_id} from the ledger"):
            self._cloud.dynamodb.delete_item(TableName=self._table, Key={"id": {"S": item_id}})

    def list_items(self, kind: str) -> list[Item]:
        """All items of a kind (`endpoint`, `dataset`, ...), by id. Reads the whole table: not for loops."""
        with translated(f"list {kind} items of the ledger"):
            pages = self._cloud.dynamodb.get_paginator("scan").paginate(
                TableName=self._table,
                ConsistentRead=True,
                FilterExpression="#k = :k",
                ExpressionAttributeNames={"#k": "kind"},
                ExpressionAttributeValues={":k": {"S": kind}},
            )
            rows = [row for page in pages for row in page.get("Items", [])]
        return sorted((_item(row) for row in rows), key=lambda item: item.id)

    # -- runs ----------------------------------------------------------------------------------------------------
    def create_run(self, record: RunRecord) -> bool:
        """Write a new run. False where the run key is taken: the run exists, whoever created it."""
        try:
            self.put_item(run_item(record.run_key), _dump(record))
        except Conflict:
            return False
        return True

    def get_run(self, run_key: str) -> RunRecord | None:
        item = self.get_item(run_item(run_key))
        return RunRecord.model_validate(item.value) if item else None

    def require_run(self, run_key: str) -> RunRecord:
        """The run, or RequestRefused naming the key."""
        record = self.get_run(run_key)
        if record is None:
            raise RequestRefused(f"There is no run {run_key}; list_runs shows those there are.")
        return record

    def update_run(self, run_key: str, change: Callable[[RunRecord], RunRecord | None]) -> RunRecord:
        """Write `change(record)`; `change` may run several times and may return None for "as it is".

        Raises:
            RequestRefused: there is no such run.
        """

        def apply(value: dict[str, Any]) -> dict[str, Any]:
            if not value:
                raise RequestRefused(f"There is no run {run_key}; list_runs shows those there are.")
            record = RunRecord.model_validate(value)
            changed = change(record)
            return _dump(changed if changed is not None else record)

        return RunRecord.model_validate(self.change_item(run_item(run_key), apply))

    def list_runs(
        self,
        *,
        state: RunState | None = None,
        repository_id: int | None = None,
        issue: int | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        """Newest first by `created_at`; filters that are None let everything pass."""
        records = [RunRecord.model_validate(item.value) for item in self.list_items("run")]
        chosen = [
            record
            for record in records
            if (state is None or record.state is state)
            and (repository_id is None or record.repository_id == repository_id)
            and (issue is None or record.issue == issue)
        ]
        return sorted(chosen, key=lambda record: (record.created_at, record.run_key), reverse=True)[:limit]

    # -- rows ----------------------------------------------------------------------------------------------------
    def _read(self, item_id: str) -> dict[str, Any] | None:
        with translated(f"read {item_id} from the ledger"):
            answer = self._cloud.dynamodb.get_item(
                TableName=self._table, Key={"id": {"S": item_id}}, ConsistentRead=True
            )
        return answer.get("Item")

    def create_table(self) -> None:
        """Make the table where there is none (the laptop and tests; on AWS Terraform owns it)."""
        with translated(f"create table {self._table}"):
            try:
                self._cloud.dynamodb.create_table(
                    TableName=self._table,
                    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                    BillingMode="PAY_PER_REQUEST",
                )
            except self._cloud.dynamodb.exceptions.ClientError as error:
                if error_code(error) != "ResourceInUseException":
                    raise


def _dump(record: RunRecord) -> dict[str, Any]:
    return record.model_dump(mode="json")


def _item(row: dict[str, Any]) -> Item:
    return Item(
        id=row["id"]["S"],
        value=json.loads(row["value"]["S"]),
        version=int(row["version"]["N"]),
        updated_at=float(row["updated_at"]["N"]),
    )


def _pause(attempt: int) -> None:
    # Writers that met once would meet again without the jitter.
    time.sleep(random.uniform(0, min(0.5, 0.01 * 2**attempt)))  # noqa: S311
