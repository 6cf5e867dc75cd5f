"""Endpoints: created, updated (new fleet first, swap only when it is healthy), weighted, deleted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from twin.aws import events, listing, models, tags
from twin.aws.fleet import Fleet, NotHealthy
from twin.aws.store import Document, public
from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import AwsError, invalid, not_implemented, now

log = logging.getLogger(__name__)

_BUSY = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}


def create(twin: Twin, request: Request) -> Answer:
    name = request["EndpointName"]
    config = models.get_endpoint_config(twin, request["EndpointConfigName"])
    _check_deployment(request.get("DeploymentConfig"))
    arn, moment = twin.options.arn("endpoint", name), now()
    record = {
        "EndpointName": name,
        "EndpointArn": arn,
        "EndpointConfigName": config["EndpointConfigName"],
        "EndpointStatus": "Creating",
        "CreationTime": moment,
        "LastModifiedTime": moment,
        "_config": config,
        **_capture_summary(config),
    }
    with twin.store.lock:
        if twin.store.get("endpoint", name):
            raise invalid(f'Cannot create already existing endpoint "{arn}".')
        _check_quota(twin, config)
        twin.store.insert("endpoint", name, record)
        if request.get("Tags"):
            tags.put(twin, arn, request["Tags"])
    twin.effects.record("CreateEndpoint", name, config=config["EndpointConfigName"])
    twin.in_background(lambda: _bring_up(twin, name, config), f"endpoint:{name}")
    return {"EndpointArn": arn}


def _bring_up(twin: Twin, name: str, config: dict[str, Any]) -> None:
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


def update(twin: Twin, request: Request) -> Answer:
    name = request["EndpointName"]
    config = models.get_endpoint_config(twin, request["EndpointConfigName"])
    _check_deployment(request.get("DeploymentConfig"))
    keep = {each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties", [])}
    retained = {"DesiredWeight", "DesiredInstanceCount"} - keep if request.get("RetainAllVariantProperties") else set()

    def begin(record: Document) -> None:
        record["_pending"] = {"config": config, "retained": sorted(retained)}

    arn = _begin_change(twin, name, begin)
    twin.effects.record("UpdateEndpoint", name, config=config["EndpointConfigName"])
    twin.in_background(lambda: _replace(twin, name, config, retained), f"endpoint:{name}")
    return {"EndpointArn": arn}


def _replace(twin: Twin, name: str, config: dict[str, Any], retained: set[str]) -> None:
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
            **_capture_summary(config),
        )

    _settle(twin, name, "InService", swap)
    if old:
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


def update_weights(twin: Twin, request: Request) -> Answer:
    name = request["EndpointName"]
    wanted = {each["VariantName"]: each for each in request["DesiredWeightsAndCapacities"]}

    def begin(record: Document) -> None:
        variants = {variant["VariantName"]: variant for variant in record["ProductionVariants"]}
        for unknown in wanted.keys() - variants.keys():
            raise invalid(f'Variant "{unknown}" was not found for endpoint "{name}".')
        for variant_name, change in wanted.items():
            variants[variant_name]["DesiredWeight"] = change.get(
                "DesiredWeight", variants[variant_name]["DesiredWeight"]
            )
            if "DesiredInstanceCount" in change:
                variants[variant_name]["DesiredInstanceCount"] = change["DesiredInstanceCount"]
        if not any(variant["DesiredWeight"] for variant in variants.values()):
            raise invalid("At least one variant must have a weight greater than 0.")

    arn = _begin_change(twin, name, begin)
    twin.effects.record("UpdateEndpointWeightsAndCapacities", name, wanted=list(wanted.values()))
    twin.in_background(lambda: _apply_weights(twin, name), f"endpoint:{name}")
    return {"EndpointArn": arn}


def _apply_weights(twin: Twin, name: str) -> None:
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


def _begin_change(twin: Twin, name: str, begin: Callable[[Document], None]) -> str:
    """Take an endpoint that is InService to Updating; returns its ARN. Raises what AWS answers otherwise."""
    with twin.store.lock:
        record = _must_get(twin, name)
        if record["EndpointStatus"] in _BUSY:
            raise invalid(f'Cannot update in-progress endpoint "{record["EndpointArn"]}".')
        if record["EndpointStatus"] != "InService":
            raise invalid(f'Cannot update endpoint "{record["EndpointArn"]}" in status {record["EndpointStatus"]}.')
        begin(record)
        record["EndpointStatus"] = "Updating"
        record["LastModifiedTime"] = now()
        record.pop("FailureReason", None)
        twin.store.put("endpoint", name, record)
        return record["EndpointArn"]


def delete(twin: Twin, request: Request) -> Answer:
    name = request["EndpointName"]
    with twin.store.lock:
        record = _must_get(twin, name)
        if record["EndpointStatus"] in _BUSY:
            raise invalid(f'Cannot update in-progress endpoint "{record["EndpointArn"]}".')
        twin.store.change("endpoint", name, lambda each: each.update(EndpointStatus="Deleting"))
    twin.effects.record("DeleteEndpoint", name)
    twin.in_background(lambda: _take_down(twin, name), f"endpoint:{name}")
    return {}


def _take_down(twin: Twin, name: str) -> None:
    if fleet := twin.fleets.pop(name, None):
        fleet.stop()
    if not twin.closing.is_set():
        twin.store.delete("endpoint", name)
        twin.store.delete("tags", twin.options.arn("endpoint", name))


def describe(twin: Twin, request: Request) -> Answer:
    record = _must_get(twin, request["EndpointName"])
    return public(record)


def list_(twin: Twin, request: Request) -> Answer:
    found, more = listing.page(twin.store.all("endpoint"), request, name="EndpointName", status="EndpointStatus")
    shown = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
    return {"Endpoints": [{member: record[member] for member in shown} for record in found], **more}


def resume(twin: Twin) -> None:
    """After a start of the twin: serve again, and carry on with what was under way."""
    for record in twin.store.all("endpoint"):
        name, status = record["EndpointName"], record["EndpointStatus"]
        if status == "Creating":
            twin.in_background(lambda name=name, config=record["_config"]: _bring_up(twin, name, config), name)  # type: ignore[misc]
        elif status == "Deleting":
            _take_down(twin, name)
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
            _replace(twin, name, pending["config"], set(pending["retained"]))
        elif record["EndpointStatus"] == "Updating":
            _apply_weights(twin, name)

    twin.in_background(work, f"endpoint:{name}")


def keep_alive(twin: Twin) -> None:
    """Start servers that died anew, until the twin ends."""
    while not twin.closing.wait(1.0):
        for fleet in list(twin.fleets.values()):
            for server in fleet.servers.values():
                if server.died():
                    server.restart()


def _must_get(twin: Twin, name: str) -> Document:
    record = twin.store.get("endpoint", name)
    if record is None:
        raise models.missing(twin, "endpoint", name, "endpoint")
    return record


def _capture_summary(config: dict[str, Any]) -> dict[str, Any]:
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


def _check_deployment(deployment: dict[str, Any] | None) -> None:
    routing = ((deployment or {}).get("BlueGreenUpdatePolicy") or {}).get("TrafficRoutingConfiguration", {})
    if routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE" or (deployment or {}).get("RollingUpdatePolicy"):
        raise not_implemented("traffic shifting within UpdateEndpoint", "Move the weights of two variants instead.")


def _check_quota(twin: Twin, config: dict[str, Any]) -> None:
    def used(one: dict[str, Any]) -> int:
        return sum(variant.get("InitialInstanceCount", 0) for variant in one["ProductionVariants"])

    limit = twin.options.quota_endpoints
    current = sum(used(other["_config"]) for other in twin.store.all("endpoint") if other["EndpointStatus"] != "Failed")
    if current + used(config) > limit:
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit 'instances for endpoint usage' is {limit} Instances, with current "
            f"utilization of {current} Instances and a request delta of {used(config)} Instances. "
            "Please use AWS Service Quotas to request an increase for this quota.",
        )
