"""The model registry, and every SageMaker operation of ours held against the service model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aws_requests import IMAGE, ROLE, client, finished, processed, processing_job, training_job, wait_for
from botocore.exceptions import ClientError

from twin.aws import operations


def package(group, **changes):
    container = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/m.tar.gz"}
    metrics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://bucket/e.json"}}}
    return {
        "ModelPackageGroupName": group,
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        "ModelMetrics": metrics,
        "CustomerMetadataProperties": {"version": "1.0.0"},
    } | changes


def test_versions_count_up_and_carry_what_was_given(sagemaker, name):
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    arns = [sagemaker.create_model_package(**package(name))["ModelPackageArn"] for _ in range(2)]
    assert arns[1].endswith(f":model-package/{name}/2")
    found = sagemaker.describe_model_package(ModelPackageName=arns[1])
    assert (found["ModelPackageVersion"], found["ModelApprovalStatus"]) == (2, "PendingManualApproval")
    for member in ("ModelMetrics", "InferenceSpecification", "CustomerMetadataProperties"):
        assert found[member] == package(name)[member]


def test_deleted_version_is_never_used_again(sagemaker, name):
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    first = sagemaker.create_model_package(**package(name))["ModelPackageArn"]
    with pytest.raises(ClientError, match="still has model packages"):
        sagemaker.delete_model_package_group(ModelPackageGroupName=name)
    sagemaker.delete_model_package(ModelPackageName=first)
    assert sagemaker.create_model_package(**package(name))["ModelPackageArn"].endswith("/2")


def test_client_token_makes_creation_idempotent(sagemaker, name):
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    arns = {sagemaker.create_model_package(**package(name, ClientToken="t"))["ModelPackageArn"] for _ in range(3)}
    assert len(arns) == 1


def test_approval_keeps_the_other_properties(sagemaker, name):
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    arn = sagemaker.create_model_package(**package(name))["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="good")
    sagemaker.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"run": "r"})
    found = sagemaker.describe_model_package(ModelPackageName=arn)
    assert found["ModelApprovalStatus"] == "Approved"
    assert found["CustomerMetadataProperties"] == {"version": "1.0.0", "run": "r"}
    approved = sagemaker.list_model_packages(ModelPackageGroupName=name, ModelApprovalStatus="Approved")
    assert [each["ModelPackageArn"] for each in approved["ModelPackageSummaryList"]] == [arn]


def test_group_that_exists_or_is_missing_is_a_validation_error(sagemaker, name):
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    with pytest.raises(ClientError, match="already exists"):
        sagemaker.create_model_package_group(ModelPackageGroupName=name)
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.create_model_package(**package("no-group"))


def test_model_can_be_made_of_a_package(sagemaker, name):
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    arn = sagemaker.create_model_package(**package(name))["ModelPackageArn"]
    sagemaker.create_model(ModelName=name, PrimaryContainer={"ModelPackageName": arn}, ExecutionRoleArn=ROLE)
    assert sagemaker.describe_model(ModelName=name)["PrimaryContainer"] == {"ModelPackageName": arn}


def test_pages_follow_one_another(sagemaker, name):
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    for _ in range(5):
        sagemaker.create_model_package(**package(name))
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=name, PaginationConfig={"PageSize": 2}, SortOrder="Ascending"
    )
    versions = [[each["ModelPackageVersion"] for each in page["ModelPackageSummaryList"]] for page in pages]
    assert versions == [[1, 2], [3, 4], [5]]


def test_every_operation_of_ours_answers_in_the_shape_of_the_model(server, name):
    """The server checks each answer against botocore's output shape (`check_responses`); here each is called once."""
    sagemaker = client(server, "sagemaker", user_agent_extra="counted")
    called: set[str] = set()
    sagemaker.meta.events.register("before-call.sagemaker.*", lambda model, **_: called.add(model.name))
    variants = [{"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}]
    weights = [{"VariantName": "v", "DesiredWeight": 2.0}]
    serve = {"Image": IMAGE.replace("python", "serve"), "Environment": {"NAME": name}}
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{name}/1"
    group = {"ModelPackageGroupName": name}
    tagged = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}"

    def served() -> bool:
        return sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"

    steps: list[Callable[[], object]] = [
        lambda: sagemaker.create_training_job(**training_job(name, "import time; time.sleep(60)")),
        lambda: sagemaker.stop_training_job(TrainingJobName=name),
        lambda: finished(sagemaker, name),
        sagemaker.list_training_jobs,
        lambda: sagemaker.create_processing_job(**processing_job(name, "import time; time.sleep(60)")),
        lambda: sagemaker.stop_processing_job(ProcessingJobName=name),
        lambda: processed(sagemaker, name),
        sagemaker.list_processing_jobs,
        lambda: sagemaker.create_model(ModelName=name, PrimaryContainer=serve, ExecutionRoleArn=ROLE),
        lambda: sagemaker.describe_model(ModelName=name),
        sagemaker.list_models,
        lambda: sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants),
        lambda: sagemaker.describe_endpoint_config(EndpointConfigName=name),
        sagemaker.list_endpoint_configs,
        lambda: sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name),
        lambda: wait_for(served),
        lambda: sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=name),
        lambda: wait_for(served),
        lambda: sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=weights
        ),
        lambda: wait_for(served),
        sagemaker.list_endpoints,
        lambda: sagemaker.add_tags(ResourceArn=tagged, Tags=[{"Key": "a", "Value": "b"}]),
        lambda: sagemaker.list_tags(ResourceArn=tagged),
        lambda: sagemaker.delete_tags(ResourceArn=tagged, TagKeys=["a"]),
        lambda: sagemaker.delete_endpoint(EndpointName=name),
        lambda: sagemaker.delete_endpoint_config(EndpointConfigName=name),
        lambda: sagemaker.delete_model(ModelName=name),
        lambda: sagemaker.create_model_package_group(**group, ModelPackageGroupDescription="d"),
        lambda: sagemaker.describe_model_package_group(**group),
        sagemaker.list_model_package_groups,
        lambda: sagemaker.put_model_package_group_policy(**group, ResourcePolicy="{}"),
        lambda: sagemaker.get_model_package_group_policy(**group),
        lambda: sagemaker.delete_model_package_group_policy(**group),
        lambda: sagemaker.create_model_package(**package(name)),
        lambda: sagemaker.describe_model_package(ModelPackageName=arn),
        lambda: sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected"),
        lambda: sagemaker.list_model_packages(**group),
        lambda: sagemaker.search(Resource="ModelPackage"),
        lambda: sagemaker.delete_model_package(ModelPackageName=arn),
        lambda: sagemaker.delete_model_package_group(**group),
    ]
    for step in steps:
        step()
    assert called == set(operations.OURS)
