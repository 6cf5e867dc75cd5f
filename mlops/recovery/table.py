"""Items of the runs table are lost or wrong: they are taken over from a table that was restored beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from mlops.aws import Cloud, error_code, translated
from mlops.errors import RequestRefused

Say = Callable[[str], None]
Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What the restored table holds, seen from ours."""

    table: str
    restored: str
    missing: tuple[Row, ...]
    """In the restored table only."""
    differing: tuple[tuple[Row, Row], ...]
    """(restored, ours) of items whose values differ; ours is usually what happened since."""
    same: int

    def __str__(self) -> str:
        kinds = Counter(row["kind"]["S"] for row in self.missing)
        named = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        lines = [f"{self.restored} -> {self.table}: {self.same} items are the same"]
        lines.append(f"  missing here: {len(self.missing)}{f' ({named})' if named else ''}")
        lines.append(f"  differing, kept as they are here unless named with --item: {len(self.differing)}")
        lines += [f"    {ours['id']['S']}: version {ours['version']['N']} here, {then['version']['N']} then"
                  for then, ours in self.differing]  # fmt: skip
        return "\n".join(lines)


def plan(cloud: Cloud, table: str, restored: str) -> Plan:
    """Compare every item. Raises RequestRefused where a table does not exist."""
    ours = {row["id"]["S"]: row for row in _rows(cloud, table)}
    missing, differing, same = [], [], 0
    for row in sorted(_rows(cloud, restored), key=lambda row: str(row["id"]["S"])):
        here = ours.get(row["id"]["S"])
        if here is None:
            missing.append(row)
        elif here["value"] == row["value"]:
            same += 1
        else:
            differing.append((row, here))
    return Plan(table, restored, tuple(missing), tuple(differing), same)


def adopt(cloud: Cloud, plan: Plan, say: Say, items: Collection[str] = ()) -> int:
    """Write the missing items, and those of `items` in place of ours; returns how many. Repeating writes none.

    Each write is conditional: whoever wrote an item meanwhile is not overwritten, and the item is named.

    Raises:
        RequestRefused: an item of `items` differs from nothing.
    """
    replaced = {ours["id"]["S"]: (then, ours) for then, ours in plan.differing if ours["id"]["S"] in items}
    unknown = set(items) - replaced.keys() - {row["id"]["S"] for row in plan.missing}
    if unknown:
        raise RequestRefused(f"Not differing, or not in {plan.restored}: {', '.join(sorted(unknown))}.")
    done = sum(_put(cloud, plan.table, row, "attribute_not_exists(id)", {}, say) for row in plan.missing)
    for then, ours in replaced.values():
        # A version counts on: whoever holds the one of now must not believe that nothing changed.
        row = {**then, "version": {"N": str(int(ours["version"]["N"]) + 1)}}
        done += _put(cloud, plan.table, row, "#v = :v", {":v": ours["version"]}, say)
    return done


def _put(cloud: Cloud, table: str, row: Row, condition: str, values: Row, say: Say) -> bool:
    request: dict[str, Any] = {"TableName": table, "Item": row, "ConditionExpression": condition}
    if values:
        request |= {"ExpressionAttributeValues": values, "ExpressionAttributeNames": {"#v": "version"}}
    with translated(f"write {row['id']['S']} to {table}"):
        try:
            cloud.dynamodb.put_item(**request)
        except Exception as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            say(f"kept as it is, written meanwhile: {row['id']['S']}")
            return False
    return True


def _rows(cloud: Cloud, table: str) -> Iterator[Row]:
    with translated(f"read table {table}"):
        for page in cloud.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page.get("Items", [])
