"""Endpoints: created, updated (new fleet first, swap only when it is healthy), weighted, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twin.aws import listing, models, rollout, tags
from twin.aws.store import Document, public
from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import AwsError, invalid, not_implemented, now

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
        **rollout.capture_summary(config),
    }
    with twin.store.lock:
        if twin.store.get("endpoint", name):
            raise invalid(f'Cannot create already existing endpoint "{arn}".')
        _check_quota(twin, config)
        twin.store.insert("endpoint", name, record)
        if request.get("Tags"):
            tags.put(twin, arn, request["Tags"])
    twin.effects.record("CreateEndpoint", name, config=config["EndpointConfigName"])
    twin.in_background(lambda: rollout.bring_up(twin, name, config), f"endpoint:{name}")
    return {"EndpointArn": arn}


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
    twin.in_background(lambda: rollout.replace(twin, name, config, retained), f"endpoint:{name}")
    return {"EndpointArn": arn}


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
    twin.in_background(lambda: rollout.apply_weights(twin, name), f"endpoint:{name}")
    return {"EndpointArn": arn}


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
    twin.in_background(lambda: rollout.take_down(twin, name), f"endpoint:{name}")
    return {}


def describe(twin: Twin, request: Request) -> Answer:
    record = _must_get(twin, request["EndpointName"])
    return public(record)


def list_(twin: Twin, request: Request) -> Answer:
    found, more = listing.page(twin.store.all("endpoint"), request, name="EndpointName", status="EndpointStatus")
    shown = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
    return {"Endpoints": [{member: record[member] for member in shown} for record in found], **more}


def _must_get(twin: Twin, name: str) -> Document:
    record = twin.store.get("endpoint", name)
    if record is None:
        raise models.missing(twin, "endpoint", name, "endpoint")
    return record


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
