"""Versions of prepared data: who builds one, which is the newest, and what people may know about a dataset."""

from __future__ import annotations

from typing import Any

from mlops import keys, versions
from mlops.errors import Conflict
from mlops.handles import by_split
from mlops.ledger import Ledger, dataset_item
from mlops.objects import listing, read_json, write_json, write_json_once
from mlops.services import Services

_REMEMBERED = 500
"""Versions kept in the ledger's item; the folders of older ones stay."""


def next_version(known: dict[str, dict[str, Any]], schema: dict[str, Any]) -> str:
    """The version for new contents: major where target, classes, task or columns are known to differ, else minor.

    Columns that could not be told (None) are taken for unchanged.
    """
    latest = versions.newest(known)
    before = known[latest]["schema"] if latest else {}
    same = all(
        before.get(name) == value
        for name, value in schema.items()
        if value is not None and before.get(name) is not None
    )
    return versions.following(latest, same_signature=same)


def reserve(ledger: Ledger, dataset: str, fingerprint: str, schema: dict[str, Any], run_key: str, now: str) -> str:
    """The version with this fingerprint; a new one where there is none, to be built by `run_key`."""

    def take(value: dict[str, Any]) -> dict[str, Any]:
        known: dict[str, dict[str, Any]] = value.setdefault("versions", {})
        if not any(entry["fingerprint"] == fingerprint for entry in known.values()):
            known[next_version(known, schema)] = {
                "fingerprint": fingerprint, "schema": schema, "builder": run_key, "reserved_at": now,
            }  # fmt: skip
        for old in sorted(known, key=versions.parse)[:-_REMEMBERED]:
            del known[old]
        return value

    known = ledger.change_item(dataset_item(dataset), take)["versions"]
    return next(version for version, entry in known.items() if entry["fingerprint"] == fingerprint)


def builder(ledger: Ledger, dataset: str, version: str) -> str:
    """Run key of the run whose job makes this version."""
    item = ledger.get_item(dataset_item(dataset))
    if item is None or version not in item.value["versions"]:
        raise Conflict(f"Dataset {dataset} has no version {version} in the ledger.")
    return str(item.value["versions"][version]["builder"])


def take_over(ledger: Ledger, dataset: str, version: str, *, before: str, run_key: str) -> str:
    """Make `run_key` the builder if `before` still is; returns whoever is now."""

    def change(value: dict[str, Any]) -> dict[str, Any]:
        entry = value["versions"][version]
        if entry["builder"] == before:
            entry["builder"] = run_key
        return value

    return str(ledger.change_item(dataset_item(dataset), change)["versions"][version]["builder"])


def manifest(services: Services, dataset: str, version: str) -> dict[str, Any] | None:
    """The manifest of a complete version; None while it is being built."""
    return read_json(services.cloud, keys.uri(services.settings.bucket, keys.dataset_manifest(dataset, version)))


def missing_files(services: Services, prefix: str, files: dict[str, dict[str, Any]]) -> list[str]:
    """Files of a manifest that do not lie below `prefix` with the size they should have."""
    there = {
        one.key.removeprefix(prefix): one.size for one in listing(services.cloud, services.settings.bucket, prefix)
    }
    return [name for name, entry in sorted(files.items()) if there.get(name) != int(entry["bytes"])]


def complete(services: Services, dataset: str, version: str, document: dict[str, Any]) -> dict[str, Any]:
    """Write the manifest, last of all files; returns the one that stands, which may be an earlier collector's."""
    where = keys.uri(services.settings.bucket, keys.dataset_manifest(dataset, version))
    if write_json_once(services.cloud, where, document):
        return document
    return read_json(services.cloud, where) or document


def point_to(services: Services, dataset: str, version: str) -> None:
    """Make `version` the current one unless a newer one is."""
    bucket = services.settings.bucket
    where = keys.uri(bucket, keys.processed_pointer(dataset))
    current = read_json(services.cloud, where)
    if current and versions.parse(current["version"]) >= versions.parse(version):
        return
    prefix = keys.uri(bucket, keys.dataset_version_prefix(dataset, version))
    write_json(services.cloud, where, {"version": version, "prefix": prefix, "manifest_uri": prefix + "manifest.json"})


def describe(services: Services, dataset: str) -> dict[str, Any]:
    """For people: raw objects, versions with rows and columns, and which is current."""
    bucket = services.settings.bucket
    item = services.ledger.get_item(dataset_item(dataset))
    known = item.value["versions"] if item else {}
    listed = []
    for version in sorted(known, key=versions.parse, reverse=True)[:20]:
        document = manifest(services, dataset, version)
        listed.append(
            {
                "version": version,
                "complete": document is not None,
                "reserved_at": known[version]["reserved_at"],
                "rows": by_split(document["rows"]) if document else {},
                "features": document["features"] if document else 0,
                "task": document["task"] if document else "",
            }
        )
    raw = [{"key": one.key, "bytes": one.size} for one in listing(services.cloud, bucket, keys.raw_prefix(dataset))]
    current = read_json(services.cloud, keys.uri(bucket, keys.processed_pointer(dataset)))
    return {
        "dataset": dataset,
        "raw": raw[:200],
        "versions": listed,
        "current": current["version"] if current else None,
    }
