"""SageMaker's Model Registry: one group a model, one package a version, with metrics, lineage and approval."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal

from mlops.aws import Cloud, error_code, error_message, is_missing, translated
from mlops.identity import digest

log = logging.getLogger(__name__)

Approval = Literal["Approved", "PendingManualApproval", "Rejected"]
_MOST_PROPERTIES = 50
_PROPERTY_LENGTH = 256


def package_request(
    *,
    model: str,
    version: str,
    run_key: str,
    image: str,
    model_uri: str,
    approval: Approval,
    metrics_uri: str,
    baseline_uri: str,
    lineage: Mapping[str, Any],
) -> dict[str, Any]:
    """CreateModelPackage for one version. The description is how a lost reply is recognised."""
    properties = {name: str(value)[:_PROPERTY_LENGTH] for name, value in lineage.items() if str(value)}
    return {
        "ModelPackageGroupName": model,
        "ModelPackageDescription": description(version, run_key),
        "ModelApprovalStatus": approval,
        "InferenceSpecification": {
            "Containers": [{"Image": image, "ModelDataUrl": model_uri}],
            "SupportedContentTypes": ["application/json", "text/csv"],
            "SupportedResponseMIMETypes": ["application/json", "text/csv"],
        },
        "ModelMetrics": {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": metrics_uri}}},
        "DriftCheckBaselines": {
            "ModelDataQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": baseline_uri}}
        },
        "CustomerMetadataProperties": dict(list(properties.items())[:_MOST_PROPERTIES]),
        "ClientToken": digest([model, version, run_key], 32),
    }


def description(version: str, run_key: str) -> str:
    return f"{version} made by run {run_key}"


def register(cloud: Cloud, request: Mapping[str, Any]) -> str:
    """Create the package, or find it where it was created before. Returns its ARN."""
    group = request["ModelPackageGroupName"]
    _ensure_group(cloud, group)
    known = find(cloud, group, request["ModelPackageDescription"])
    if known:
        return known
    with translated(f"register {request['ModelPackageDescription']} of {group}"):
        arn = str(cloud.sagemaker.create_model_package(**request)["ModelPackageArn"])
    log.info("Registered %s", arn)
    return arn


def find(cloud: Cloud, group: str, wanted: str) -> str | None:
    """ARN of the package with this description, newest first."""
    with translated(f"list the packages of {group}"):
        pages = cloud.sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
        )
        for page in pages:
            for package in page["ModelPackageSummaryList"]:
                if package.get("ModelPackageDescription") == wanted:
                    return str(package["ModelPackageArn"])
    return None


def approval_of(cloud: Cloud, package_arn: str) -> str:
    """`Approved`, `PendingManualApproval` or `Rejected`."""
    with translated(f"describe {package_arn}"):
        return str(cloud.sagemaker.describe_model_package(ModelPackageName=package_arn)["ModelApprovalStatus"])


def approve(cloud: Cloud, package_arn: str, approval: Approval, reason: str) -> None:
    """Set the approval status; saying the same again changes nothing."""
    with translated(f"set {package_arn} to {approval}"):
        cloud.sagemaker.update_model_package(
            ModelPackageArn=package_arn, ModelApprovalStatus=approval, ApprovalDescription=reason[:1024]
        )


def forget(cloud: Cloud, package_arn: str) -> None:
    """Delete a package of an old version; one that is gone already is no error."""
    from botocore.exceptions import ClientError

    with translated(f"delete {package_arn}"):
        try:
            cloud.sagemaker.delete_model_package(ModelPackageName=package_arn)
        except ClientError as error:
            if not is_missing(error):
                raise


def _ensure_group(cloud: Cloud, group: str) -> None:
    from botocore.exceptions import ClientError

    with translated(f"create the model package group {group}"):
        try:
            cloud.sagemaker.create_model_package_group(
                ModelPackageGroupName=group, ModelPackageGroupDescription=f"Versions of {group}, one a run."
            )
        except ClientError as error:
            taken = error_code(error) in {"ValidationException", "ConflictException", "ResourceInUse"}
            if not taken or "exist" not in error_message(error).lower():
                raise
