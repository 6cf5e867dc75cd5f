"""Models and endpoint configurations: records that endpoints are built from."""

from __future__ import annotations

from typing import Any

from twin.aws import listing, registry, tags
from twin.aws.store import public
from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import AwsError, invalid, not_implemented, now

# Models


def create_model(twin: Twin, request: Request) -> Answer:
    primary = [request["PrimaryContainer"]] if "PrimaryContainer" in request else []
    containers = primary + request.get("Containers", [])
    if not containers:
        raise invalid("You must specify either PrimaryContainer or Containers.")
    if len(containers) > 1:
        raise not_implemented("CreateModel with several containers")
    if not containers[0].get("Image") and not containers[0].get("ModelPackageName"):
        raise invalid("A container needs an Image or a ModelPackageName.")
    record = _record(twin, "model", "ModelName", "ModelArn", request)
    record["EnableNetworkIsolation"] = request.get("EnableNetworkIsolation", False)
    _insert(twin, "model", request["ModelName"], record, request, "model")
    twin.effects.record("CreateModel", request["ModelName"])
    return {"ModelArn": record["ModelArn"]}


def container_of(twin: Twin, model: dict[str, Any]) -> dict[str, Any]:
    """Image, ModelDataUrl and Environment of a model; a model package is looked up. Raises AwsError."""
    container = model.get("PrimaryContainer") or model["Containers"][0]
    if package := container.get("ModelPackageName"):
        packaged = registry.inference_container(twin, package)
        return {**packaged, "Environment": {**packaged.get("Environment", {}), **container.get("Environment", {})}}
    return container


def describe_model(twin: Twin, request: Request) -> Answer:
    return public(_must_get(twin, "model", request["ModelName"], "model"))


def delete_model(twin: Twin, request: Request) -> Answer:
    _delete(twin, "model", request["ModelName"], "model")
    twin.effects.record("DeleteModel", request["ModelName"])
    return {}


def list_models(twin: Twin, request: Request) -> Answer:
    found, more = listing.page(twin.store.all("model"), request, name="ModelName")
    return {"Models": _shown(found, "ModelName", "ModelArn", "CreationTime"), **more}


# Endpoint configurations


def create_endpoint_config(twin: Twin, request: Request) -> Answer:
    _check_variants(twin, request)
    record = _record(twin, "endpoint-config", "EndpointConfigName", "EndpointConfigArn", request)
    _insert(twin, "endpoint-config", request["EndpointConfigName"], record, request, "endpoint configuration")
    twin.effects.record("CreateEndpointConfig", request["EndpointConfigName"])
    return {"EndpointConfigArn": record["EndpointConfigArn"]}


def _check_variants(twin: Twin, request: Request) -> None:
    for absent in ("AsyncInferenceConfig", "ShadowProductionVariants", "ExplainerConfig"):
        if absent in request:
            raise not_implemented(f"CreateEndpointConfig with {absent}")
    variants = request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if len(names) != len(set(names)):
        raise invalid("The variant names of an endpoint configuration must be unique.")
    for variant in variants:
        if "ModelName" not in variant:
            raise not_implemented("A variant without ModelName (inference components)")
        if "ServerlessConfig" not in variant and not {"InstanceType", "InitialInstanceCount"} <= variant.keys():
            raise invalid(f"Variant {variant['VariantName']} needs InstanceType and InitialInstanceCount.")
        _must_get(twin, "model", variant["ModelName"], "model")
    if all(variant.get("InitialVariantWeight", 1.0) == 0 for variant in variants):
        raise invalid("At least one variant must have a weight greater than 0.")


def describe_endpoint_config(twin: Twin, request: Request) -> Answer:
    return public(_must_get(twin, "endpoint-config", request["EndpointConfigName"], "endpoint configuration"))


def get_endpoint_config(twin: Twin, name: str) -> dict[str, Any]:
    """Raises what AWS answers where there is none."""
    return _must_get(twin, "endpoint-config", name, "endpoint configuration")


def delete_endpoint_config(twin: Twin, request: Request) -> Answer:
    _delete(twin, "endpoint-config", request["EndpointConfigName"], "endpoint configuration")
    twin.effects.record("DeleteEndpointConfig", request["EndpointConfigName"])
    return {}


def list_endpoint_configs(twin: Twin, request: Request) -> Answer:
    found, more = listing.page(twin.store.all("endpoint-config"), request, name="EndpointConfigName")
    return {"EndpointConfigs": _shown(found, "EndpointConfigName", "EndpointConfigArn", "CreationTime"), **more}


# Shared by both


def _record(twin: Twin, kind: str, name: str, arn: str, request: Request) -> dict[str, Any]:
    members = {member: value for member, value in request.items() if member != "Tags"}
    return {**members, arn: twin.options.arn(kind, request[name]), "CreationTime": now()}


def _insert(twin: Twin, kind: str, name: str, record: dict[str, Any], request: Request, spoken: str) -> None:
    arn = twin.options.arn(kind, name)
    with twin.store.lock:
        if not twin.store.insert(kind, name, record):
            raise invalid(f'Cannot create already existing {spoken} "{arn}".')
        if request.get("Tags"):
            tags.put(twin, arn, request["Tags"])


def _must_get(twin: Twin, kind: str, name: str, spoken: str) -> dict[str, Any]:
    record = twin.store.get(kind, name)
    if record is None:
        raise missing(twin, kind, name, spoken)
    return record


def missing(twin: Twin, kind: str, name: str, spoken: str) -> AwsError:
    return invalid(f'Could not find {spoken} "{twin.options.arn(kind, name)}".')


def _delete(twin: Twin, kind: str, name: str, spoken: str) -> None:
    if not twin.store.delete(kind, name):
        raise missing(twin, kind, name, spoken)
    twin.store.delete("tags", twin.options.arn(kind, name))


def _shown(records: list[dict[str, Any]], *members: str) -> list[dict[str, Any]]:
    return [{member: record[member] for member in members} for record in records]
