"""Where a state's task token and its phase's answer meet: one item of the ledger for each run and phase.

The state writes its token on condition that the phase has not ended; the phase writes its answer and sees the token.
Whoever comes second finds the other, so each answer is handed back exactly once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlops.aws import Cloud, error_code, translated
from mlops.identity import Phase
from mlops.workflow.words import CAUSE_LENGTH, PHASE_FAILED, PLATFORM_FAULT, Answer

log = logging.getLogger(__name__)

_GONE = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
"""Nobody waits any more: answered before, timed out, or the execution has ended."""
_NAMES = {
    "#kind": "kind", "#run": "run_key", "#phase": "phase", "#state": "state", "#message": "message", "#next": "next",
    "#result": "result", "#ended": "ended_at",
}  # fmt: skip


@dataclass(frozen=True)
class Waiting:
    """A state that waits for its phase."""

    run_key: str
    phase: Phase
    token: str


class Tokens:
    def __init__(self, cloud: Cloud, table: str):
        self._cloud, self._table = cloud, table

    def answer(self, run_key: str, answer: Answer, moment: str) -> None:
        """Keep a phase's last word, and hand it to the state that waits, if one does. Safe to repeat."""
        row = self._keep(run_key, answer, moment)
        waiting = _waiting(row)
        if waiting is None:
            return
        if answer.failed:
            self._fail(waiting, PHASE_FAILED, answer.message)
        else:
            text = json.dumps(answer.as_dict(), ensure_ascii=False)
            self._send("send_task_success", waiting, output=text)
        self._settle(waiting)

    def retry(self, run_key: str, phase: Phase, cause: str) -> None:
        """An attempt failed and another will follow: the state that waits is entered anew, after a pause."""
        waiting = self.waiting(run_key, phase)
        if waiting:
            self._fail(waiting, PLATFORM_FAULT, cause)
            self._settle(waiting)

    def beat(self, waiting: Waiting) -> bool:
        """Say that the phase lives; False where nobody waits for it any more."""
        return self._send("send_task_heartbeat", waiting)

    def waiting(self, run_key: str, phase: Phase) -> Waiting | None:
        with translated(f"read the token of {run_key}, {phase}"):
            found = self._cloud.dynamodb.get_item(TableName=self._table, Key=_key(run_key, phase), ConsistentRead=True)
        return _waiting(found.get("Item", {}))

    def all_waiting(self) -> Iterator[Waiting]:
        """Every state that waits, of all runs. Reads the whole table: for `follow_up` only."""
        with translated("list the tokens in the ledger"):
            pages = self._cloud.dynamodb.get_paginator("scan").paginate(
                TableName=self._table,
                ConsistentRead=True,
                FilterExpression=(
                    "#kind = :kind AND attribute_exists(#token)"
                    " AND (attribute_not_exists(#settled) OR #settled <> #token)"
                ),
                ExpressionAttributeNames={"#kind": "kind", "#token": "token", "#settled": "settled"},
                ExpressionAttributeValues={":kind": {"S": "token"}},
            )
            rows = [row for page in pages for row in page.get("Items", [])]
        return (waiting for waiting in map(_waiting, rows) if waiting)

    def settle(self, waiting: Waiting) -> None:
        """Nobody waits for this one any more."""
        self._settle(waiting)

    # ---------------------------------------------------------------------------------------------------------------
    def _keep(self, run_key: str, answer: Answer, moment: str) -> dict[str, Any]:
        """The item as it then stands."""
        values = {
            ":kind": "token", ":run": run_key, ":phase": answer.phase, ":state": answer.state,
            ":message": answer.message, ":next": answer.next, ":now": moment,
            ":result": json.dumps(answer.result, ensure_ascii=False, sort_keys=True),
        }  # fmt: skip
        with translated(f"keep the answer of {run_key}, {answer.phase}"):
            stored = self._cloud.dynamodb.update_item(
                TableName=self._table,
                Key=_key(run_key, Phase(answer.phase)),
                UpdateExpression=(
                    "SET #kind = :kind, #run = :run, #phase = :phase, #state = :state, #message = :message,"
                    " #next = :next, #result = :result, #ended = if_not_exists(#ended, :now)"
                ),
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
                ReturnValues="ALL_NEW",
            )
        return dict(stored["Attributes"])

    def _fail(self, waiting: Waiting, error: str, cause: str) -> None:
        self._send("send_task_failure", waiting, error=error, cause=cause[:CAUSE_LENGTH])

    def _send(self, action: str, waiting: Waiting, **words: Any) -> bool:
        """False where nobody waits for this token any more."""
        with translated(f"answer for {waiting.run_key}, {waiting.phase}"):
            try:
                getattr(self._cloud.client("stepfunctions"), action)(taskToken=waiting.token, **words)
            except Exception as refused:
                if error_code(refused) not in _GONE:
                    raise
                log.info("Nobody waits for %s of %s: %s", waiting.phase, waiting.run_key, error_code(refused))
                return False
        return True

    def _settle(self, waiting: Waiting) -> None:
        with translated(f"settle the token of {waiting.run_key}, {waiting.phase}"):
            self._cloud.dynamodb.update_item(
                TableName=self._table,
                Key=_key(waiting.run_key, waiting.phase),
                UpdateExpression="SET #settled = :token",
                ExpressionAttributeNames={"#settled": "settled"},
                ExpressionAttributeValues={":token": {"S": waiting.token}},
            )


def _key(run_key: str, phase: Phase) -> dict[str, Any]:
    return {"id": {"S": f"token#{run_key}#{phase}"}}


def _waiting(row: dict[str, Any]) -> Waiting | None:
    token = row.get("token", {}).get("S")
    if not token or row.get("settled", {}).get("S") == token:
        return None
    return Waiting(row["run_key"]["S"], Phase(row["phase"]["S"]), token)
