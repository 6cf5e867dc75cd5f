"""Recorded calls held against the policies: is each allowed to the role that made it, and is each permission used?"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from twin.environment import ACCOUNT, REGION
from twin.infra.permissions.evaluate import action_matches, allowed_by, resource_matches
from twin.infra.permissions.table import Grant, Role

Entry = Mapping[str, Any]

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/"
WORDS = {
    "partition": "aws", "region": REGION, "replica_region": "us-west-2", "account": ACCOUNT, "name": "mlops",
    "suffix": "", "key": f"{KEY}*", "replica_key": f"arn:aws:kms:us-west-2:{ACCOUNT}:key/*",
}  # fmt: skip
"""What Terraform fills in on the twin. The deployment has one key, whatever its number."""

_READ, _WRITE = ("kms:Decrypt",), ("kms:GenerateDataKey",)
_BEHIND: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "s3:GetObject": ("s3", _READ), "s3:GetObjectVersion": ("s3", _READ), "s3:PutObject": ("s3", _WRITE),
    "dynamodb:GetItem": ("dynamodb", _READ), "dynamodb:Scan": ("dynamodb", _READ),
    "dynamodb:PutItem": ("dynamodb", (*_READ, *_WRITE)), "dynamodb:UpdateItem": ("dynamodb", (*_READ, *_WRITE)),
    "dynamodb:DeleteItem": ("dynamodb", _READ),
    "sqs:SendMessage": ("sqs", (*_READ, *_WRITE)), "sqs:ReceiveMessage": ("sqs", _READ),
    "sns:Publish": ("sns", (*_READ, *_WRITE)),
    "secretsmanager:GetSecretValue": ("secretsmanager", _READ),
    "secretsmanager:PutSecretValue": ("secretsmanager", (*_READ, *_WRITE)),
    "states:StartExecution": ("states", (*_READ, *_WRITE)), "states:DescribeExecution": ("states", _READ),
    "states:SendTaskSuccess": ("states", (*_READ, *_WRITE)), "states:SendTaskFailure": ("states", (*_READ, *_WRITE)),
}  # fmt: skip
"""What a service does with the deployment's key, as the caller, when it reads or writes what the key encrypts."""


@dataclass(frozen=True)
class Refusal:
    role: str
    operation: str
    action: str
    resource: str
    facts: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.role}: {self.operation} needs {self.action} on {self.resource} {dict(self.facts) or ''}".rstrip()


@dataclass(frozen=True)
class Idle:
    """A permission that no recorded call used: an action of a grant, or a resource of it."""

    role: str
    grant: Grant
    name: str
    reason: str
    """Why, by the table; empty: nobody knows."""

    def __str__(self) -> str:
        return f"{self.role}/{self.grant.sid}: {self.name}" + (f": {self.reason}" if self.reason else "")


@dataclass
class Proof:
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Distinct permissions asked for, by role."""
    refused: list[Refusal] = field(default_factory=list)
    idle: list[Idle] = field(default_factory=list)
    stale: list[Idle] = field(default_factory=list)
    """Said to be unseen, and seen."""

    @property
    def unexplained(self) -> list[Idle]:
        return [each for each in self.idle if not each.reason]


def read(*trails: Path) -> list[dict[str, Any]]:
    """The calls in the twin's files (`state/aws/trail.jsonl`)."""
    lines = [json.loads(line) for path in trails for line in path.read_text().splitlines()]
    return [line for line in lines if "operation" in line]


def replay(roles: Sequence[Role], entries: Iterable[Entry]) -> Proof:
    """Evaluate each ask of each entry by the policy of its role. A role without a policy may do nothing."""
    proof = Proof()
    known = {role.name: [(grant, _filled(grant)) for grant in role.grants] for role in roles}
    used: set[tuple[str, str, str]] = set()
    for role, operation, action, resource, facts in _distinct(entries):
        proof.calls[role] += 1
        grants = known.get(role, [])
        found = allowed_by([statement for _, statement in grants], action, resource, facts)
        if found is None:
            proof.refused.append(Refusal(role, operation, action, resource, facts))
            continue
        for grant, statement in grants:
            if statement is found:
                used |= {(role, grant.sid, name) for name in _names(grant, action, resource)}
    for each in roles:
        for grant in each.grants:
            for name in (*grant.actions, *(grant.on if len(grant.on) > 1 else ())):
                idle = Idle(each.name, grant, name, grant.reason(name))
                if (each.name, grant.sid, name) not in used:
                    proof.idle.append(idle)
                elif name in (grant.unseen if not isinstance(grant.unseen, str) else ()):
                    proof.stale.append(idle)
    return proof


def essence(roles: Sequence[Role], entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """As few entries as use the same permissions: what is kept of a recording."""
    known = {role.name: [(grant, _filled(grant)) for grant in role.grants] for role in roles}
    kept: list[dict[str, Any]] = []
    seen: set[tuple[str, ...]] = set()
    for entry in entries:
        marks = set()
        for ask in entry["asks"]:
            grants = known.get(entry["role"], [])
            found = allowed_by([statement for _, statement in grants], ask["action"], ask["resource"], ask["facts"])
            sid = next((grant.sid for grant, statement in grants if statement is found), "")
            named = [name for grant, _ in grants if grant.sid == sid for name in _names(grant, "", ask["resource"])]
            marks.add((entry["role"], ask["action"], sid, *named, *ask["facts"]))
        if not marks <= seen:
            seen |= marks
            kept.append({name: entry[name] for name in ("role", "session", "operation", "asks")})
    return sorted(kept, key=lambda each: (each["role"], each["operation"]))


def _distinct(entries: Iterable[Entry]) -> Iterator[tuple[str, str, str, str, Mapping[str, str]]]:
    seen = set()
    for entry in entries:
        for action, resource, facts in _all_asks(entry):
            mark = (entry["role"], action, resource, tuple(sorted(facts.items())))
            if mark not in seen:
                seen.add(mark)
                yield entry["role"], entry["operation"], action, resource, facts


def _all_asks(entry: Entry) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    for ask in entry["asks"]:
        yield ask["action"], ask["resource"], ask["facts"]
        service, actions = _BEHIND.get(ask["action"], ("", ()))
        for action in actions:
            yield action, f"{KEY}deployment", {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}


def _names(grant: Grant, action: str, resource: str) -> Iterator[str]:
    yield from (each for each in grant.actions if action_matches(each, action))
    yield from (each for each in grant.on if resource_matches(Template(each).substitute(WORDS), resource))


def _filled(grant: Grant) -> dict[str, Any]:
    return json.loads(Template(json.dumps(grant.statement())).substitute(WORDS))
