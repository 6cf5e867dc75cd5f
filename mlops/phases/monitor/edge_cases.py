"""Frames of a detector's traffic that people should label: which the drift job is asked for, and what it found."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mlops import keys
from mlops.endpoints import EndpointRecord
from mlops.objects import read_json
from mlops.policy import Monitoring
from mlops.raw_data import parse_moment
from mlops.services import Services

_KEPT = ("frames", "boxes", "candidates", "looked_at_again", "reasons", "masked", "fingerprints")


def wanted(record: EndpointRecord, policy: Monitoring, now: str) -> dict[str, Any] | None:
    """`edge_cases` of the drift job's run.json; None where none are wanted now, so that no frame is stored in vain."""
    before = record.edge_cases or {}
    if policy.edge_cases == "none":
        return None
    last = before.get("at")
    if last and parse_moment(now) - parse_moment(last) < timedelta(hours=policy.retrain_after_hours):
        return None
    # A frame has one chance: in the check that reads it first. Fingerprints also keep out what looks like one of them.
    return {"most": policy.max_edge_cases, "known": list(before.get("fingerprints", ())), "after": before.get("until"),
            "until": now}  # fmt: skip


def prefix(services: Services, endpoint: str, check_id: str) -> str:
    return keys.uri(services.settings.bucket, f"{keys.drift_prefix(endpoint, check_id)}edge_cases/")


def found(services: Services, endpoint: str, check_id: str) -> dict[str, Any] | None:
    """What a finished check has set aside: counts, reasons and fingerprints; None where it set nothing aside."""
    document = read_json(services.cloud, f"{prefix(services, endpoint, check_id)}edge_cases.json")
    return {name: document.get(name) for name in _KEPT} if document and document.get("frames") else None
