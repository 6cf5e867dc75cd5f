"""Semantic versions, taken by conditional write: two runs never share one, and a run always gets the same one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from mlops.errors import RequestRefused, UserFault
from mlops.ledger import Ledger, version_item
from mlops.services import Services

FIRST = "v1.0.0"
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_REMEMBERED = 1000
"""Reservations kept per model; the oldest go first. A DynamoDB item holds 400 KB."""


def parse(version: str) -> tuple[int, int, int]:
    """(major, minor, patch), fit for comparison."""
    match = _VERSION.fullmatch(version)
    if not match:
        raise RequestRefused(f"{version!r} is not a version; versions look like v1.2.0.")
    major, minor, patch = (int(part) for part in match.groups())
    return major, minor, patch


def following(latest: str | None, *, same_signature: bool) -> str:
    """The version after `latest`: minor where callers notice nothing, major where input or answer changed."""
    if latest is None:
        return FIRST
    major, minor, _ = parse(latest)
    return f"v{major}.{minor + 1}.0" if same_signature else f"v{major + 1}.0.0"


def newest(versions: Iterable[str]) -> str | None:
    return max(versions, key=parse, default=None)


def surplus(versions: Iterable[str], kept: int, in_use: Collection[str]) -> list[str]:
    """Versions that may be forgotten: not among the `kept` newest, nor serving. Oldest first; at least 5 are kept."""
    in_order = sorted(versions, key=parse)
    return [version for version in in_order[: -max(kept, 5)] if version not in in_use]


def reserve(ledger: Ledger, model: str, run_key: str, signature: str, now: str) -> str:
    """The version of this run's model: the run's own if it has one, else the next, written before it is returned.

    Args:
        signature: hash of what callers send and get; another one than the newest version's makes a major version.
        now: UTC, ISO 8601; kept beside the version.
    """

    def take(value: dict[str, Any]) -> dict[str, Any]:
        taken: dict[str, dict[str, str]] = value.setdefault("versions", {})
        if any(entry["run_key"] == run_key for entry in taken.values()):
            return value
        latest = newest(taken)
        same = latest is not None and taken[latest]["signature"] == signature
        taken[following(latest, same_signature=same)] = {"run_key": run_key, "signature": signature, "reserved_at": now}
        for old in sorted(taken, key=parse)[:-_REMEMBERED]:
            del taken[old]
        return value

    taken = ledger.change_item(version_item(model), take)["versions"]
    return next(version for version, entry in taken.items() if entry["run_key"] == run_key)


def note(ledger: Ledger, model: str, version: str, **facts: str) -> None:
    """Keep facts about a reserved version (its package ARN, its archive's hash)."""

    def add(value: dict[str, Any]) -> dict[str, Any]:
        value["versions"][version].update(facts)
        return value

    ledger.change_item(version_item(model), add)


def list_versions(services: Services, model: str) -> list[dict[str, str]]:
    """Every version taken for `model`, newest first: version, run_key, signature, reserved_at, and noted facts."""
    item = services.ledger.get_item(version_item(model))
    taken = item.value["versions"] if item else {}
    return [{"version": version, **taken[version]} for version in sorted(taken, key=parse, reverse=True)]


def require_packaged(services: Services, model: str, wanted: Collection[str]) -> None:
    """Raises UserFault for the first of `wanted` that was never packaged."""
    if not wanted:  # as for most runs: nothing is looked up for them
        return
    there = [one["version"] for one in list_versions(services, model) if one.get("sha256")]
    for version in wanted:
        if version not in there:
            known = ", ".join(there[:10]) or "none yet"
            raise UserFault(f"deployment.ensemble: {model} has no packaged version {version}; there are: {known}.")
