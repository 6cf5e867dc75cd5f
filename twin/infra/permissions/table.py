"""What a line of the table says: actions, resources, conditions, why, and why nobody was seen to use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Grant:
    """One statement of a policy. Resources are spelled with the words that Terraform fills in (`${region}`, ...)."""

    sid: str
    why: str
    """What needs it; shown beside it."""
    actions: tuple[str, ...]
    on: tuple[str, ...]
    when: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Conditions as IAM writes them: operator -> key -> values."""
    unseen: str | Mapping[str, str] = ""
    """Why the recorded runs do not use it: one reason for all of it, or one for an action or a resource."""

    def reason(self, *names: str) -> str:
        """Why one of these, an action or a resource, was not seen; empty where it must have been."""
        if isinstance(self.unseen, str):
            return self.unseen
        return next((self.unseen[name] for name in names if name in self.unseen), "")

    def statement(self) -> dict[str, Any]:
        said = {"Sid": self.sid, "Effect": "Allow", "Action": sorted(self.actions), "Resource": list(self.on)}
        return {**said, "Condition": self.when} if self.when else said


@dataclass(frozen=True)
class Role:
    """`name` ends the role's name at AWS and names its file: `mcp`, `agent-training`."""

    name: str
    who: str
    """Who takes it, in a few words."""
    grants: tuple[Grant, ...]

    def policy(self) -> dict[str, Any]:
        return {"Version": "2012-10-17", "Statement": [grant.statement() for grant in self.grants]}


# Resources, as every role spells them.

EVERYTHING = "*"


def sagemaker(*kinds: str) -> tuple[str, ...]:
    """`training-job/gh-*` and the like."""
    return tuple(f"arn:${{partition}}:sagemaker:${{region}}:${{account}}:{kind}" for kind in kinds)


def bucket(*names: str) -> tuple[str, ...]:
    return tuple(f"arn:${{partition}}:s3:::${{name}}-{name}${{suffix}}" for name in names)


def objects(name: str, *prefixes: str) -> tuple[str, ...]:
    return tuple(f"arn:${{partition}}:s3:::${{name}}-{name}${{suffix}}/{prefix}" for prefix in prefixes or ("*",))


def queue(*names: str) -> tuple[str, ...]:
    return tuple(f"arn:${{partition}}:sqs:${{region}}:${{account}}:${{name}}-{name}" for name in names)


def secret(*names: str) -> tuple[str, ...]:
    """`-*`: AWS ends each secret's ARN with six characters of its own."""
    stem = "arn:${partition}:secretsmanager:${region}:${account}:secret:${name}"
    return tuple(f"{stem}/{name}" + ("" if name.endswith("*") else "-*") for name in names)


def logs(*groups: str) -> tuple[str, ...]:
    """Each group and its streams."""
    stem = "arn:${partition}:logs:${region}:${account}:log-group:"
    return tuple(f"{stem}{group}{tail}" for group in groups for tail in ("", ":*"))


def role(name: str) -> str:
    return f"arn:${{partition}}:iam::${{account}}:role/${{name}}-{name}"


LEDGER = ("arn:${partition}:dynamodb:${region}:${account}:table/${name}-ledger",)
AIRFLOW_OP = ("arn:${partition}:airflow:${region}:${account}:role/${name}-airflow/Op",)
ALARM_TOPIC = ("arn:${partition}:sns:${region}:${account}:${name}-alarms",)
WORKFLOW = ("arn:${partition}:states:${region}:${account}:stateMachine:${name}-workflow",)
EXECUTIONS = ("arn:${partition}:states:${region}:${account}:execution:${name}-workflow:*",)
REPOSITORY = "arn:${partition}:ecr:${region}:${account}:repository/${name}-"


# Grants that many roles share.

MINE = {"StringEquals": {"aws:ResourceAccount": "${account}"}}
"""A bucket of that name in somebody else's account is none of ours."""


def key(*services: str, unseen: str | Mapping[str, str] = "", writes: bool = True, sid: str = "Key") -> Grant:
    """Reading (and, where it `writes`, writing) what this deployment's key encrypts, through these services only."""
    through = [f"{service}.${{region}}.amazonaws.com" for service in services]
    return Grant(
        sid, "Everything at rest is encrypted with one key; it is used through the services that hold the data.",
        ("kms:Decrypt", "kms:GenerateDataKey") if writes else ("kms:Decrypt",), ("${key}",),
        {"StringEquals": {"kms:ViaService": through}}, unseen,
    )  # fmt: skip


def pass_role(sid: str, why: str, service: str, *names: str, unseen: str | Mapping[str, str] = "") -> Grant:
    given = {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}
    return Grant(sid, why, ("iam:PassRole",), tuple(role(name) for name in names), given, unseen)
