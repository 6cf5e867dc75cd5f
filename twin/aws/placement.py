"""Network and keys that a request names: they must be there, as SageMaker finds out when it uses them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.ec2.models import ec2_backends
from moto.kms.models import kms_backends

from twin.aws.twin import Request, Twin
from twin.aws.wire import invalid


def check(twin: Twin, request: Request) -> None:
    """Raises AwsError, naming the first thing that does not exist."""
    network = request.get("VpcConfig") or request.get("NetworkConfig", {}).get("VpcConfig")
    if network:
        _check_network(twin, network)
    for key in _keys(request):
        _check_key(twin, key)


def _check_network(twin: Twin, network: dict[str, Any]) -> None:
    backend = ec2_backends[twin.options.account][twin.options.region]
    subnets = {each.id: each.vpc_id for each in backend.describe_subnets()}
    groups = {each.id: each.vpc_id for each in backend.describe_security_groups()}
    for name in network["Subnets"]:
        if name not in subnets:
            raise invalid(f"The subnet ID '{name}' does not exist")
    for name in network["SecurityGroupIds"]:
        if name not in groups:
            raise invalid(f"The security group ID '{name}' does not exist")
    homes = {subnets[name] for name in network["Subnets"]} | {groups[name] for name in network["SecurityGroupIds"]}
    if len(homes) > 1:
        raise invalid("Subnets and security groups must belong to one VPC.")


def _keys(request: Request) -> Iterator[str]:
    cluster = request.get("ProcessingResources", {}).get("ClusterConfig", {})
    places = (
        (request, "KmsKeyId"), (request.get("ResourceConfig", {}), "VolumeKmsKeyId"), (cluster, "VolumeKmsKeyId"),
        (request.get("OutputDataConfig", {}), "KmsKeyId"), (request.get("ProcessingOutputConfig", {}), "KmsKeyId"),
        (request.get("DataCaptureConfig", {}), "KmsKeyId"),
    )  # fmt: skip
    return (str(place[member]) for place, member in places if place.get(member))


def _check_key(twin: Twin, name: str) -> None:
    keys = kms_backends[twin.options.account][twin.options.region].keys
    found = keys.get(name.rpartition("/")[2])
    if found is None or found.key_state != "Enabled":
        raise invalid(f"The KMS key '{name}' does not exist, or is not enabled")
