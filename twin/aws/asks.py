"""What a call asks IAM for: actions, the resources they touch, and the facts that a condition may look at.

By AWS's Service Authorization Reference. Where an operation and its permission differ (HeadObject,
SendMessageBatch), or one operation needs several (a role that is passed on, tags), it is said here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from werkzeug.exceptions import NotFound

from twin.aws import spelling

Request = Mapping[str, Any]

_EVERYTHING = "*"
_BATCHES = {
    "DeleteMessageBatch": "DeleteMessage", "SendMessageBatch": "SendMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}  # fmt: skip
_SAGEMAKER = {
    "TrainingJobName": "training-job", "ProcessingJobName": "processing-job", "ModelName": "model",
    "EndpointName": "endpoint", "EndpointConfigName": "endpoint-config", "ModelPackageGroupName": "model-package-group",
}  # fmt: skip
"""What a request names, and first what it makes: that is tagged."""
_OBJECTS = {
    "GetObject": "GetObject", "HeadObject": "GetObject", "PutObject": "PutObject", "DeleteObject": "DeleteObject",
    "CreateMultipartUpload": "PutObject", "UploadPart": "PutObject", "CompleteMultipartUpload": "PutObject",
    "AbortMultipartUpload": "AbortMultipartUpload", "CopyObject": "PutObject",
}  # fmt: skip
_BUCKETS = {
    "ListObjects": "ListBucket", "ListObjectsV2": "ListBucket", "HeadBucket": "ListBucket",
    "ListObjectVersions": "ListBucketVersions", "GetBucketLocation": "GetBucketLocation",
}  # fmt: skip


@dataclass(frozen=True)
class Ask:
    """One permission that a call needs."""

    action: str
    resource: str
    facts: Mapping[str, str] = field(default_factory=dict)
    """Condition keys that this call sets, e.g. `iam:PassedToService`."""


@dataclass(frozen=True)
class Place:
    """The account that a call is made in."""

    account: str
    region: str

    def arn(self, service: str, rest: str, region: str | None = None) -> str:
        return f"arn:aws:{service}:{self.region if region is None else region}:{self.account}:{rest}"


def read(environ: Mapping[str, Any], service: str, operation: str, body: bytes) -> tuple[str, Request]:
    """The operation and what of its request is looked at here. Unknown services give an empty request."""
    if service == "s3":
        return _read_s3(environ)
    if service in {"sns", "sts", "iam", "cloudformation"} or _is_form(environ):
        words = parse_qs(body.decode("utf-8", "replace"))
        return operation, {name: values[0] for name, values in words.items()} | _listed(words)
    if service in _REST:
        name, in_path = spelling.operation_of(environ, _REST[service])
        return name, spelling.request_of(environ, _REST[service], name, in_path, body) if name else {}
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        request = {}
    return operation, request if isinstance(request, dict) else {}


_REST = {"airflow": "mwaa", "xray": "xray"}


def _is_form(environ: Mapping[str, Any]) -> bool:
    return str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form")


def _listed(words: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """`AlarmNames.member.1=a` of the query protocol -> `{"AlarmNames": ["a"]}`."""
    lists: dict[str, list[str]] = {}
    for name, values in words.items():
        stem, _, rest = name.partition(".member.")
        if rest.isdigit():
            lists.setdefault(stem, []).append(values[0])
    return lists


def _read_s3(environ: Mapping[str, Any]) -> tuple[str, Request]:
    from moto.core.request import Request as MotoRequest
    from moto.core.routing import get_service_router

    try:
        operation, _ = get_service_router("s3").match(MotoRequest(dict(environ)))
    except (NotFound, NotImplementedError):
        return "", {}
    bucket, _, key = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace").lstrip("/").partition("/")
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    found = {"Bucket": bucket, "Key": key, "VersionId": query.get("versionId", [""])[0]}
    return operation.name, {**found, "CopySource": unquote(environ.get("HTTP_X_AMZ_COPY_SOURCE", "")).lstrip("/")}


def of(place: Place, service: str, operation: str, request: Request, status: int = 200) -> list[Ask]:
    """What this call needs; `status` is what it was answered.

    An operation that is not known here asks for `*`, so that no policy allows it unseen.
    """
    rule = _RULES.get(service)
    found = list(rule(place, operation, request, status)) if rule else []
    return found or [Ask(f"{service}:{operation}", _EVERYTHING)]


def _s3(place: Place, operation: str, request: Request, status: int) -> Iterator[Ask]:
    bucket, key = f"arn:aws:s3:::{request.get('Bucket', '')}", request.get("Key", "")
    account = {"aws:ResourceAccount": place.account}
    if operation in _BUCKETS:
        yield Ask(f"s3:{_BUCKETS[operation]}", bucket, account)
    if operation in _OBJECTS:
        of_version = "Version" if operation == "GetObject" and request.get("VersionId") else ""
        yield Ask(f"s3:{_OBJECTS[operation]}{of_version}", f"{bucket}/{key}", account)
    if operation in {"GetObject", "HeadObject"} and status == 404:
        # Without it AWS says 403, and nobody could tell a missing object from a forbidden one.
        yield Ask("s3:ListBucket", bucket, account)
    if operation == "CopyObject":
        source, _, version = request["CopySource"].partition("?versionId=")
        yield Ask(f"s3:GetObject{'Version' if version else ''}", f"arn:aws:s3:::{source}", account)


def _sagemaker(place: Place, operation: str, request: Request, status: int) -> Iterator[Ask]:
    touched = [
        place.arn("sagemaker", f"{kind}/{request[name]}") for name, kind in _SAGEMAKER.items() if name in request
    ]
    if operation == "CreateModelPackage":
        touched.append(place.arn("sagemaker", f"model-package/{request['ModelPackageGroupName']}/1"))
    touched += [
        str(request[name]) for name in ("ModelPackageArn", "ModelPackageName", "ResourceArn") if name in request
    ]
    if operation.startswith("List") and operation != "ListTags":
        touched = [_EVERYTHING]
    facts = _facts_of_a_job(request)
    yield from (Ask(f"sagemaker:{operation}", arn, facts) for arn in touched)
    if request.get("Tags") and operation != "AddTags":
        yield Ask("sagemaker:AddTags", touched[0])
    for name in ("RoleArn", "ExecutionRoleArn"):
        if name in request:
            yield Ask("iam:PassRole", str(request[name]), {"iam:PassedToService": "sagemaker.amazonaws.com"})
    if key := facts.get("sagemaker:VolumeKmsKey"):
        # SageMaker uses the key for the volume by a grant, which whoever starts the job must be able to give.
        yield Ask("kms:CreateGrant", key, {"kms:GrantIsForAWSResource": "true"})
        yield Ask("kms:DescribeKey", key)


def _facts_of_a_job(request: Request) -> dict[str, str]:
    cluster = request.get("ProcessingResources", {}).get("ClusterConfig", request.get("ResourceConfig", {}))
    outputs = request.get("ProcessingOutputConfig", request.get("OutputDataConfig", {}))
    network = request.get("VpcConfig", request.get("NetworkConfig", {}).get("VpcConfig", {}))
    found = {
        "sagemaker:VolumeKmsKey": cluster.get("VolumeKmsKeyId", request.get("KmsKeyId")),
        "sagemaker:OutputKmsKey": outputs.get("KmsKeyId"),
        "sagemaker:VpcSubnets": ",".join(network.get("Subnets", [])),
        "sagemaker:VpcSecurityGroupIds": ",".join(network.get("SecurityGroupIds", [])),
    }
    return {name: value for name, value in found.items() if value}


def _dynamodb(place: Place, operation: str, request: Request, status: int) -> Iterator[Ask]:
    if "TableName" in request:
        yield Ask(f"dynamodb:{operation}", place.arn("dynamodb", f"table/{request['TableName']}"))


def _sqs(place: Place, operation: str, request: Request, status: int) -> Iterator[Ask]:
    name = str(request.get("QueueUrl") or request.get("QueueName") or "").rpartition("/")[2]
    if name:
        yield Ask(f"sqs:{_BATCHES.get(operation, operation)}", place.arn("sqs", name))


def _secretsmanager(place: Place, operation: str, request: Request, status: int) -> Iterator[Ask]:
    from moto.secretsmanager.models import secretsmanager_backends

    if name := str(request.get("SecretId", "")):
        known = secretsmanager_backends[place.account][place.region].secrets.get(name)
        yield Ask(f"secretsmanager:{operation}", known.arn if known else place.arn("secretsmanager", f"secret:{name}"))


def _logs(place: Place, operation: str, request: Request, status: int) -> Iterator[Ask]:
    group, stream = request.get("logGroupName", ""), request.get("logStreamName", "")
    yield Ask(f"logs:{operation}", place.arn("logs", f"log-group:{group}:log-stream:{stream}"))


def _cloudwatch(place: Place, operation: str, request: Request, status: int) -> Iterator[Ask]:
    action = f"cloudwatch:{operation}"
    if operation == "PutMetricData":
        yield Ask(action, _EVERYTHING, {"cloudwatch:namespace": str(request.get("Namespace", ""))})
    elif "AlarmName" in request:
        yield Ask(action, place.arn("cloudwatch", f"alarm:{request['AlarmName']}"))
    elif operation == "DescribeAlarms":
        # Asked for all, whatever the names.
        yield Ask(action, place.arn("cloudwatch", "alarm:*"))
    elif operation == "DeleteAlarms":
        yield from (Ask(action, place.arn("cloudwatch", f"alarm:{name}")) for name in request.get("AlarmNames", []))
    elif "DashboardName" in request:
        yield Ask(action, place.arn("cloudwatch", f"dashboard/{request['DashboardName']}", region=""))
    else:
        yield Ask(action, _EVERYTHING)


def _autoscaling(place: Place, operation: str, request: Request, status: int) -> Iterator[Ask]:
    action, facts = f"application-autoscaling:{operation}", _facts_of_scaling(request)
    if operation.startswith("Describe"):
        yield Ask(action, _EVERYTHING)
        return
    # The target's own number is not in the request.
    yield Ask(action, place.arn("application-autoscaling", "scalable-target/0000"), facts)
    endpoint = str(request.get("ResourceId", "")).split("/")[1]
    of_endpoint = place.arn("sagemaker", f"endpoint/{endpoint}")
    if operation == "RegisterScalableTarget":
        # Looked up with the caller's own permissions.
        yield Ask("sagemaker:DescribeEndpoint", of_endpoint)
        yield Ask("sagemaker:UpdateEndpointWeightsAndCapacities", of_endpoint)
    if operation in {"PutScalingPolicy", "DeleteScalingPolicy"}:
        made = "PutMetricAlarm" if operation.startswith("Put") else "DeleteAlarms"
        alarm = f"alarm:TargetTracking-{request.get('ResourceId', '')}-AlarmHigh"
        yield Ask(f"cloudwatch:{made}", place.arn("cloudwatch", alarm))


def _facts_of_scaling(request: Request) -> dict[str, str]:
    found = {
        "application-autoscaling:service-namespace": request.get("ServiceNamespace", ""),
        "application-autoscaling:scalable-dimension": request.get("ScalableDimension", ""),
    }
    return {name: str(value) for name, value in found.items() if value}


def _states(place: Place, operation: str, request: Request, status: int) -> Iterator[Ask]:
    for name in ("stateMachineArn", "executionArn"):
        if name in request:
            yield Ask(f"states:{operation}", str(request[name]))
    if operation.startswith("SendTask"):
        yield Ask(f"states:{operation}", _EVERYTHING)  # A token names no resource that IAM knows.


def _airflow(place: Place, operation: str, request: Request, status: int) -> Iterator[Ask]:
    if operation == "InvokeRestApi":
        # MWAA maps the caller to one of Airflow's roles; every caller of ours is its Op.
        yield Ask("airflow:InvokeRestApi", place.arn("airflow", f"role/{request.get('Name', '')}/Op"))


def _sns(place: Place, operation: str, request: Request, status: int) -> Iterator[Ask]:
    if "TopicArn" in request:
        yield Ask(f"sns:{operation}", str(request["TopicArn"]))


def _sts(place: Place, operation: str, request: Request, status: int) -> Iterator[Ask]:
    if operation == "AssumeRole":
        session = {"sts:RoleSessionName": str(request.get("RoleSessionName", ""))}
        yield Ask("sts:AssumeRole", str(request.get("RoleArn", "")), session)


_RULES = {
    "s3": _s3, "sagemaker": _sagemaker, "dynamodb": _dynamodb, "sqs": _sqs, "secretsmanager": _secretsmanager,
    "logs": _logs, "monitoring": _cloudwatch, "application-autoscaling": _autoscaling, "states": _states,
    "airflow": _airflow, "sns": _sns, "sts": _sts,
}  # fmt: skip
"""By the name in the signature."""
