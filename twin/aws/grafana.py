"""Managed Grafana: a workspace is kept and becomes active; no Grafana is started by one."""

from __future__ import annotations

import threading
import uuid

from twin.aws import labels
from twin.aws.store import Document, public
from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import AwsError, now

_KIND = "grafana"


def create(twin: Twin, request: Request) -> Answer:
    name = f"g-{uuid.uuid4().hex[:10]}"
    record = {
        "id": name, "accountAccessType": request["accountAccessType"], "permissionType": request["permissionType"],
        "authentication": {"providers": request["authenticationProviders"]},
        "created": now(), "modified": now(), "dataSources": request.get("workspaceDataSources", []),
        "endpoint": f"{name}.grafana-workspace.{twin.options.region}.amazonaws.com",
        "grafanaVersion": request.get("grafanaVersion", "10.4"), "name": request.get("workspaceName"),
        "description": request.get("workspaceDescription"), "workspaceRoleArn": request.get("workspaceRoleArn"),
        "notificationDestinations": request.get("workspaceNotificationDestinations", []),
        "organizationalUnits": request.get("workspaceOrganizationalUnits", []),
        "stackSetName": request.get("stackSetName"), "vpcConfiguration": request.get("vpcConfiguration"),
        "networkAccessControl": request.get("networkAccessControl"), "status": "CREATING",
        "_configuration": request.get("configuration", '{"unifiedAlerting":{"enabled":false}}'),
    }  # fmt: skip
    twin.store.put(_KIND, name, record)
    labels.put(twin, _arn(twin, name), request.get("tags", {}))
    timer = threading.Timer(twin.options.boot_s, _activate, (twin, name))
    timer.daemon = True
    timer.start()
    return {"workspace": public(record)}


def describe(twin: Twin, request: Request) -> Answer:
    record = _record(twin, request["workspaceId"])
    return {"workspace": {**public(record), "tags": labels.of(twin, _arn(twin, record["id"]))}}


def configuration(twin: Twin, request: Request) -> Answer:
    record = _record(twin, request["workspaceId"])
    return {"configuration": record["_configuration"], "grafanaVersion": record["grafanaVersion"]}


def delete(twin: Twin, request: Request) -> Answer:
    record = _record(twin, request["workspaceId"])
    twin.store.delete(_KIND, record["id"])
    return {"workspace": {**public(record), "status": "DELETING"}}


def list_tags(twin: Twin, request: Request) -> Answer:
    return {"tags": labels.of(twin, request["resourceArn"])}


def _arn(twin: Twin, name: str) -> str:
    return f"arn:aws:grafana:{twin.options.region}:{twin.options.account}:/workspaces/{name}"


def _activate(twin: Twin, name: str) -> None:
    twin.store.change(_KIND, name, lambda each: each.update(status="ACTIVE"))


def _record(twin: Twin, name: str) -> Document:
    record = twin.store.get(_KIND, name)
    if record is None:
        raise AwsError(
            "ResourceNotFoundException", f"Workspace {name} was not found.", 404, resourceId=name,
            resourceType="workspace",
        )  # fmt: skip
    return record


OPERATIONS = {
    "CreateWorkspace": create, "DescribeWorkspace": describe, "DescribeWorkspaceConfiguration": configuration,
    "DeleteWorkspace": delete, "ListTagsForResource": list_tags,
}  # fmt: skip
