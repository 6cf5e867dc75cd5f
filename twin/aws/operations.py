"""SageMaker's control plane: which function answers which operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twin.aws import endpoints, models, placement, processing, registry, search, shapes, tags, training
from twin.aws.twin import Answer, Request, Twin

Operation = Callable[[Twin, Request], Answer]

OURS: dict[str, Operation] = {
    "CreateTrainingJob": training.create,
    "DescribeTrainingJob": training.describe,
    "StopTrainingJob": training.stop,
    "ListTrainingJobs": training.list_,
    "CreateProcessingJob": processing.create,
    "DescribeProcessingJob": processing.describe,
    "StopProcessingJob": processing.stop,
    "ListProcessingJobs": processing.list_,
    "CreateModel": models.create_model,
    "DescribeModel": models.describe_model,
    "DeleteModel": models.delete_model,
    "ListModels": models.list_models,
    "CreateEndpointConfig": models.create_endpoint_config,
    "DescribeEndpointConfig": models.describe_endpoint_config,
    "DeleteEndpointConfig": models.delete_endpoint_config,
    "ListEndpointConfigs": models.list_endpoint_configs,
    "CreateEndpoint": endpoints.create,
    "DescribeEndpoint": endpoints.describe,
    "UpdateEndpoint": endpoints.update,
    "UpdateEndpointWeightsAndCapacities": endpoints.update_weights,
    "DeleteEndpoint": endpoints.delete,
    "ListEndpoints": endpoints.list_,
    "CreateModelPackageGroup": registry.create_group,
    "DescribeModelPackageGroup": registry.describe_group,
    "ListModelPackageGroups": registry.list_groups,
    "DeleteModelPackageGroup": registry.delete_group,
    "PutModelPackageGroupPolicy": registry.put_group_policy,
    "GetModelPackageGroupPolicy": registry.get_group_policy,
    "DeleteModelPackageGroupPolicy": registry.delete_group_policy,
    "CreateModelPackage": registry.create_package,
    "DescribeModelPackage": registry.describe_package,
    "UpdateModelPackage": registry.update_package,
    "DeleteModelPackage": registry.delete_package,
    "ListModelPackages": registry.list_packages,
    "AddTags": tags.add_tags,
    "ListTags": tags.list_tags,
    "DeleteTags": tags.delete_tags,
    "Search": search.search,
}
"""Everything else of SageMaker is moto's, or nobody's."""

PRETENDED = {
    "CreateTransformJob", "CreateHyperParameterTuningJob", "CreateCompilationJob", "CreateAutoMLJobV2",
    "StartPipelineExecution", "CreateNotebookInstance",
}  # fmt: skip
"""moto calls these done at once though nothing ran; the twin says that it cannot."""


def answers(operation: str, request: Any) -> bool:
    """Whether the operation is ours for this request; some are shared with moto by resource."""
    if operation == "Search":
        return isinstance(request, dict) and request.get("Resource") in search.KINDS
    if operation in {"AddTags", "ListTags", "DeleteTags"}:
        return isinstance(request, dict) and tags.owns(str(request.get("ResourceArn", "")))
    return operation in OURS


def answer(twin: Twin, operation: str, request: Request) -> Answer:
    """Raises AwsError."""
    if operation.startswith("Create"):
        placement.check(twin, request)
    response = OURS[operation](twin, request)
    if twin.options.check_responses:
        shapes.check_response("sagemaker", operation, response)
    return response


def resource_name(request: Any) -> str:
    """The name a request is about, for fault rules and the log: the first member called `...Name`."""
    if not isinstance(request, dict):
        return ""
    return next((value for member, value in request.items() if member.endswith("Name") and isinstance(value, str)), "")
