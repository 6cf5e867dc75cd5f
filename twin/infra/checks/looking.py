"""The table of checks, and what each of them is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from twin.aws.clients import client

Values = dict[str, Any]
"""Attributes of a resource in Terraform's state: used to find it, not to judge it."""


class Wrong(Exception):
    """It is there, but not as it is meant; or it is not there."""


class Account:
    """boto3 clients of one account, made once."""

    def __init__(self, url: str, region: str = "us-east-1"):
        self._url, self._region = url, region
        self._clients: dict[tuple[str, str], Any] = {}

    def __call__(self, service: str, region: str = "") -> Any:
        place = (service, region or self._region)
        if place not in self._clients:
            self._clients[place] = client(self._url, *place)
        return self._clients[place]


Check = Callable[[Account, Values], str]
"""Returns what was seen, in a few words. Raises Wrong, or what boto3 raises where it is not there."""

CHECKS: dict[str, Check] = {}


def looks_at(*types: str) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        CHECKS.update(dict.fromkeys(types, check))
        return check

    return register


def expect(found: Any, wanted: Any, what: str) -> None:
    if found != wanted:
        raise Wrong(f"{what} is {found!r}, not {wanted!r}")


def only(found: Iterable[Any], what: str) -> Any:
    """The one element. Raises Wrong where there is none, or more."""
    listed = list(found)
    if len(listed) != 1:
        raise Wrong(f"{what}: {len(listed)} found, not 1")
    return listed[0]


def region_of(arn: str) -> str:
    return arn.split(":")[3]


def statements(policy: Any) -> list[dict[str, Any]]:
    document = json.loads(policy) if isinstance(policy, str) else policy
    found = document["Statement"]
    return found if isinstance(found, list) else [found]


def refuses_without_tls(policy: Any, what: str) -> None:
    """Somebody who comes without TLS is denied everything that the policy is about."""
    for each in statements(policy):
        condition = each.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
        if each["Effect"] == "Deny" and condition in {"false", ("false",)} and each["Principal"] in ("*", {"AWS": "*"}):
            return
    raise Wrong(f"{what} admits calls without TLS")


def encrypted_by_ours(key: str | None, what: str) -> None:
    """By a key of this account, not by AWS's own."""
    if not key or ":key/" not in key:
        raise Wrong(f"{what} is encrypted by {key!r}, not by our key")
