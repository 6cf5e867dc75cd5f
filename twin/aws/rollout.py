"""What happens to an endpoint in the background: it comes up, changes fleets, shifts weights, serves on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from twin.aws import events
from twin.aws.fleet import Fleet, NotHealthy
from twin.aws.store import Document
from twin.aws.twin import Twin
from twin.aws.wire import now

log = logging.getLogger(__name__)


def bring_up(twin: Twin, name: str, config: dict[str, Any]) -> None:
    """From Creating to InService or Failed."""
    fleet = _started(twin, name, config)
    if isinstance(fleet, Fleet):
        twin.fleets[name] = fleet
        _settle(twin, name, "InService", lambda record: record.update(ProductionVariants=fleet.summaries()))
    elif not twin.closing.is_set():
        _settle(twin, name, "Failed", lambda record: record.update(FailureReason=fleet))


def _started(twin: Twin, name: str, config: dict[str, Any]) -> Fleet | str:
    """A healthy fleet, or the reason why there is none (its servers are stopped then)."""
    if twin.closing.wait(twin.options.boot_s):
        return "closing"
    fleet = Fleet(twin, name, config)
    try:
        fleet.start()
    except NotHealthy as failed:
        fleet.stop()
        return str(failed)
    return fleet


def _settle(twin: Twin, name: str, status: str, change: Callable[[Document], None]) -> None:
    def settled(record: Document) -> None:
        record["EndpointStatus"] = status
        record["LastModifiedTime"] = now()
        change(record)

    record = twin.store.change("endpoint", name, settled)
    if record:
        twin.effects.record(f"endpoint:{status}", name, reason=record.get("FailureReason", ""))
        events.job_changed(twin, "endpoint", record)


def replace(twin: Twin, name: str, config: dict[str, Any], retained: set[str]) -> None:
    """The new fleet beside the old one; the old one goes only when the new one answers."""
    fleet = _started(twin, name, config)
    if twin.closing.is_set():
        return
    if isinstance(fleet, str):
        reason = fleet

        def stay(record: Document) -> None:
            record.pop("_pending", None)
            record["FailureReason"] = reason

        _settle(twin, name, "InService", stay)
        return
    old = twin.fleets.get(name)

    def swap(record: Document) -> None:
        counts = _retain(record, fleet, retained)
        twin.fleets[name] = fleet
        for gone in ("_pending", "FailureReason", "DataCaptureConfig"):
            record.pop(gone, None)
        record.update(
            EndpointConfigName=config["EndpointConfigName"],
            ProductionVariants=fleet.summaries(counts),
            _config=config,
            **capture_summary(config),
        )

    _settle(twin, name, "InService", swap)
    if old:
        old.drain()
        old.stop()


def _retain(record: Document, fleet: Fleet, retained: set[str]) -> dict[str, int]:
    """Weights and instance counts that the new fleet keeps from the variants of the same name; returns the counts."""
    counts = {}
    for variant in record.get("ProductionVariants", []):
        name = variant["VariantName"]
        if name not in fleet.weights:
            continue
        if "DesiredWeight" in retained:
            fleet.weights[name] = variant["DesiredWeight"]
        if "DesiredInstanceCount" in retained and "DesiredInstanceCount" in variant:
            counts[name] = variant["DesiredInstanceCount"]
    return counts


def apply_weights(twin: Twin, name: str) -> None:
    if twin.closing.wait(twin.options.boot_s):
        return

    def apply(record: Document) -> None:
        fleet = twin.fleets.get(name)
        for variant in record["ProductionVariants"]:
            variant["CurrentWeight"] = variant["DesiredWeight"]
            if "DesiredInstanceCount" in variant:
                variant["CurrentInstanceCount"] = variant["DesiredInstanceCount"]
            if fleet:
                fleet.weights[variant["VariantName"]] = variant["DesiredWeight"]

    _settle(twin, name, "InService", apply)


def take_down(twin: Twin, name: str) -> None:
    if fleet := twin.fleets.pop(name, None):
        fleet.stop()
    if not twin.closing.is_set():
        twin.store.delete("endpoint", name)
        twin.store.delete("tags", twin.options.arn("endpoint", name))


def resume(twin: Twin) -> None:
    """After a start of the twin: serve again, and carry on with what was under way."""
    for record in twin.store.all("endpoint"):
        name, status = record["EndpointName"], record["EndpointStatus"]
        if status == "Creating":
            twin.in_background(lambda name=name, config=record["_config"]: bring_up(twin, name, config), name)  # type: ignore[misc]
        elif status == "Deleting":
            take_down(twin, name)
        elif status != "Failed":
            _resume_serving(twin, record)


def _resume_serving(twin: Twin, record: Document) -> None:
    """The old servers start in the background; calls wait for them as they would for a slow instance."""
    name = record["EndpointName"]
    fleet = Fleet(twin, name, record["_config"])
    for variant in record["ProductionVariants"]:
        fleet.weights[variant["VariantName"]] = variant["CurrentWeight"]
    twin.fleets[name] = fleet

    def work() -> None:
        try:
            fleet.start()
        except NotHealthy as failed:
            if not twin.closing.is_set():
                log.warning("Endpoint %s does not serve after the restart: %s", name, failed)
        if pending := record.get("_pending"):
            replace(twin, name, pending["config"], set(pending["retained"]))
        elif record["EndpointStatus"] == "Updating":
            apply_weights(twin, name)

    twin.in_background(work, f"endpoint:{name}")


def keep_alive(twin: Twin) -> None:
    """Start servers that died anew, until the twin ends."""
    while not twin.closing.wait(1.0):
        for name, fleet in list(twin.fleets.items()):
            for server in fleet.servers.values():
                if server.died():
                    twin.in_background(server.restart, f"endpoint:{name}")


def capture_summary(config: dict[str, Any]) -> dict[str, Any]:
    capture = config.get("DataCaptureConfig")
    if not capture:
        return {}
    enabled = capture.get("EnableCapture", False)
    return {
        "DataCaptureConfig": {
            "EnableCapture": enabled,
            "CaptureStatus": "Started" if enabled else "Stopped",
            "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
            "DestinationS3Uri": capture["DestinationS3Uri"],
            "KmsKeyId": capture.get("KmsKeyId", ""),
        }
    }
