"""The model registry: groups, numbered versions that are never used twice, approval."""

from __future__ import annotations

from typing import Any

from twin.aws import listing, tags
from twin.aws.store import Document, public
from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import AwsError, invalid, now

GROUP, PACKAGE = "model-package-group", "model-package"
_CHANGEABLE = ("ModelApprovalStatus", "ApprovalDescription", "SourceUri", "ModelCard", "InferenceSpecification")


def create_group(twin: Twin, request: Request) -> Answer:
    name = request["ModelPackageGroupName"]
    arn = twin.options.arn(GROUP, name)
    record = {
        "ModelPackageGroupName": name,
        "ModelPackageGroupArn": arn,
        "ModelPackageGroupDescription": request.get("ModelPackageGroupDescription"),
        "CreationTime": now(),
        "CreatedBy": {},
        "ModelPackageGroupStatus": "Completed",
        "_last_version": 0,
    }
    with twin.store.lock:
        if not twin.store.insert(GROUP, name, record):
            raise invalid(f"Model Package Group already exists: {arn}")
        if request.get("Tags"):
            tags.put(twin, arn, request["Tags"])
    twin.effects.record("CreateModelPackageGroup", name)
    return {"ModelPackageGroupArn": arn}


def describe_group(twin: Twin, request: Request) -> Answer:
    return public(_group(twin, request["ModelPackageGroupName"]))


def list_groups(twin: Twin, request: Request) -> Answer:
    found, more = listing.page(twin.store.all(GROUP), request, name="ModelPackageGroupName")
    shown = (
        "ModelPackageGroupName", "ModelPackageGroupArn", "ModelPackageGroupDescription", "CreationTime",
        "ModelPackageGroupStatus",
    )  # fmt: skip
    return {"ModelPackageGroupSummaryList": [_some(record, shown) for record in found], **more}


def delete_group(twin: Twin, request: Request) -> Answer:
    with twin.store.lock:
        record = _group(twin, request["ModelPackageGroupName"])
        name = record["ModelPackageGroupName"]
        if any(package.get("ModelPackageGroupName") == name for package in twin.store.all(PACKAGE)):
            raise AwsError("ConflictException", f"Model Package Group {name} still has model packages.", 409)
        twin.store.delete(GROUP, name)
        twin.store.delete("tags", record["ModelPackageGroupArn"])
    twin.effects.record("DeleteModelPackageGroup", name)
    return {}


def put_group_policy(twin: Twin, request: Request) -> Answer:
    record = _group(twin, request["ModelPackageGroupName"])
    policy = request["ResourcePolicy"]
    twin.store.change(GROUP, record["ModelPackageGroupName"], lambda each: each.update(_policy=policy))
    return {"ModelPackageGroupArn": record["ModelPackageGroupArn"]}


def get_group_policy(twin: Twin, request: Request) -> Answer:
    record = _group(twin, request["ModelPackageGroupName"])
    if "_policy" not in record:
        raise invalid(f"Cannot find Model Package Group Policy for {record['ModelPackageGroupArn']}")
    return {"ResourcePolicy": record["_policy"]}


def delete_group_policy(twin: Twin, request: Request) -> Answer:
    record = _group(twin, request["ModelPackageGroupName"])
    twin.store.change(GROUP, record["ModelPackageGroupName"], lambda each: each.pop("_policy", None))
    return {}


# Packages


def create_package(twin: Twin, request: Request) -> Answer:
    """A repeated ClientToken answers with the package of the first call."""
    group: str = request.get("ModelPackageGroupName", "")
    name: str = request.get("ModelPackageName", "")
    if bool(group) == bool(name):
        raise invalid("Exactly one of ModelPackageName and ModelPackageGroupName is required.")
    if not {"InferenceSpecification", "SourceAlgorithmSpecification", "SourceUri"} & request.keys():
        raise invalid("One of InferenceSpecification, SourceAlgorithmSpecification and SourceUri is required.")
    with twin.store.lock:
        if token := request.get("ClientToken"):
            for package in twin.store.all(PACKAGE):
                if package.get("_token") == token:
                    return {"ModelPackageArn": package["ModelPackageArn"]}
        key, numbered = _next_key(twin, group) if group else (name, {})
        arn = twin.options.arn(PACKAGE, key)
        record = {
            **{member: value for member, value in request.items() if member not in {"Tags", "ClientToken"}},
            **numbered,
            "ModelPackageArn": arn,
            "ModelPackageName": name or key.partition("/")[0],
            "CreationTime": now(),
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "_token": token,
        }
        if group:
            record.setdefault("ModelApprovalStatus", "PendingManualApproval")
        if not twin.store.insert(PACKAGE, key, record):
            raise AwsError("ConflictException", f"Model Package already exists: {arn}", 409)
        if request.get("Tags"):
            tags.put(twin, arn, request["Tags"])
    twin.effects.record("CreateModelPackage", key)
    return {"ModelPackageArn": arn}


def _next_key(twin: Twin, group: str) -> tuple[str, dict[str, Any]]:
    record = _group(twin, group)
    name = record["ModelPackageGroupName"]
    version = record["_last_version"] + 1
    twin.store.change(GROUP, name, lambda each: each.update(_last_version=version))
    return f"{name}/{version}", {"ModelPackageGroupName": name, "ModelPackageVersion": version}


def describe_package(twin: Twin, request: Request) -> Answer:
    return public(_package(twin, request["ModelPackageName"]))


def update_package(twin: Twin, request: Request) -> Answer:
    key = _package_key(twin, request["ModelPackageArn"])

    def change(record: Document) -> None:
        for member in _CHANGEABLE:
            if member in request:
                record[member] = request[member]
        properties = {**record.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
        for name in request.get("CustomerMetadataPropertiesToRemove", []):
            properties.pop(name, None)
        record["CustomerMetadataProperties"] = properties
        if added := request.get("AdditionalInferenceSpecificationsToAdd"):
            record.setdefault("AdditionalInferenceSpecifications", []).extend(added)
        record["LastModifiedTime"] = now()

    if twin.store.change(PACKAGE, key, change) is None:
        raise _no_package(request["ModelPackageArn"])
    twin.effects.record("UpdateModelPackage", key, approval=request.get("ModelApprovalStatus"))
    return {"ModelPackageArn": twin.options.arn(PACKAGE, key)}


def delete_package(twin: Twin, request: Request) -> Answer:
    key = _package_key(twin, request["ModelPackageName"])
    if not twin.store.delete(PACKAGE, key):
        raise _no_package(request["ModelPackageName"])
    twin.store.delete("tags", twin.options.arn(PACKAGE, key))
    twin.effects.record("DeleteModelPackage", key)
    return {}


def list_packages(twin: Twin, request: Request) -> Answer:
    group = request.get("ModelPackageGroupName")
    wanted = "Versioned" if group else request.get("ModelPackageType", "Unversioned")
    group = group.rpartition("/")[2] if group else None
    approval = request.get("ModelApprovalStatus")
    records = [
        record
        for record in twin.store.all(PACKAGE)
        if (wanted == "Both" or ("ModelPackageVersion" in record) == (wanted == "Versioned"))
        and (not group or record.get("ModelPackageGroupName") == group)
        and (not approval or record.get("ModelApprovalStatus") == approval)
    ]
    found, more = listing.page(records, request, name="ModelPackageName")
    shown = (
        "ModelPackageName", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn",
        "ModelPackageDescription", "CreationTime", "ModelPackageStatus", "ModelApprovalStatus",
    )  # fmt: skip
    return {"ModelPackageSummaryList": [_some(record, shown) for record in found], **more}


def inference_container(twin: Twin, package: str) -> dict[str, Any]:
    """The first container of a package's InferenceSpecification. Raises AwsError."""
    specification = _package(twin, package).get("InferenceSpecification")
    if not specification:
        raise invalid(f"Model package {package} has no InferenceSpecification.")
    return specification["Containers"][0]


def _group(twin: Twin, name: str) -> Document:
    record = twin.store.get(GROUP, name.rpartition("/")[2])
    if record is None:
        raise invalid(f"ModelPackageGroup {twin.options.arn(GROUP, name.rpartition('/')[2])} does not exist.")
    return record


def _package(twin: Twin, name: str) -> Document:
    record = twin.store.get(PACKAGE, _package_key(twin, name))
    if record is None:
        raise _no_package(name)
    return record


def _package_key(twin: Twin, name: str) -> str:
    """`group/3` from an ARN; a plain name stays."""
    return name.removeprefix(twin.options.arn(PACKAGE, ""))


def _no_package(name: str) -> AwsError:
    return invalid(f"ModelPackage {name} does not exist.")


def _some(record: Document, members: tuple[str, ...]) -> dict[str, Any]:
    return {member: record[member] for member in members if record.get(member) is not None}
