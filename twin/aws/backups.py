"""AWS Backup: what a plan covers, and tests of restoring; plans and vaults themselves are moto's. No backup is made."""

from __future__ import annotations

import uuid
from typing import Any

from twin.aws import labels
from twin.aws.store import Document
from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import AwsError, now

_SELECTION, _TEST, _TESTED = "backup-selection", "restore-testing-plan", "restore-testing-selection"


def create_selection(twin: Twin, request: Request) -> Answer:
    chosen = str(uuid.uuid4())
    record = {
        "SelectionId": chosen, "BackupPlanId": request["BackupPlanId"], "CreationDate": now(),
        "BackupSelection": {"Conditions": {}, "NotResources": [], **request["BackupSelection"]},
    }  # fmt: skip
    twin.store.put(_SELECTION, chosen, record)
    return {name: record[name] for name in ("SelectionId", "BackupPlanId", "CreationDate")}


def get_selection(twin: Twin, request: Request) -> Answer:
    return _found(twin, _SELECTION, request["SelectionId"])


def list_selections(twin: Twin, request: Request) -> Answer:
    chosen = twin.store.all(_SELECTION, lambda each: each["BackupPlanId"] == request["BackupPlanId"])
    return {
        "BackupSelectionsList": [
            {
                "SelectionId": each["SelectionId"], "BackupPlanId": each["BackupPlanId"],
                "SelectionName": each["BackupSelection"]["SelectionName"],
                "IamRoleArn": each["BackupSelection"]["IamRoleArn"], "CreationDate": each["CreationDate"],
            }
            for each in chosen
        ]
    }  # fmt: skip


def delete_selection(twin: Twin, request: Request) -> Answer:
    _found(twin, _SELECTION, request["SelectionId"])
    twin.store.delete(_SELECTION, request["SelectionId"])
    return {}


def recovery_points(twin: Twin, request: Request) -> Answer:
    """Nothing was backed up."""
    return {"RecoveryPoints": []}


def create_test(twin: Twin, request: Request) -> Answer:
    plan = request["RestoreTestingPlan"]
    name = plan["RestoreTestingPlanName"]
    arn = _arn(twin, name)
    record = {
        "ScheduleExpressionTimezone": "Etc/UTC", "StartWindowHours": 24, **plan, "RestoreTestingPlanArn": arn,
        "CreationTime": now(),
    }  # fmt: skip
    selection = record["RecoveryPointSelection"]
    record["RecoveryPointSelection"] = {"ExcludeVaults": [], "SelectionWindowDays": 30, **selection}
    if not twin.store.insert(_TEST, name, record):
        raise AwsError("AlreadyExistsException", f"{name} exists already.")
    labels.put(twin, arn, request.get("Tags", {}))
    return {"CreationTime": record["CreationTime"], "RestoreTestingPlanArn": arn, "RestoreTestingPlanName": name}


def get_test(twin: Twin, request: Request) -> Answer:
    return {"RestoreTestingPlan": _found(twin, _TEST, request["RestoreTestingPlanName"])}


def list_tests(twin: Twin, request: Request) -> Answer:
    shown = (
        "CreationTime", "RestoreTestingPlanArn", "RestoreTestingPlanName", "ScheduleExpression",
        "ScheduleExpressionTimezone", "StartWindowHours",
    )  # fmt: skip
    return {"RestoreTestingPlans": [{name: each[name] for name in shown} for each in twin.store.all(_TEST)]}


def update_test(twin: Twin, request: Request) -> Answer:
    name = request["RestoreTestingPlanName"]
    _found(twin, _TEST, name)
    changes = {**request["RestoreTestingPlan"], "LastUpdateTime": now()}
    record: Any = twin.store.change(_TEST, name, lambda each: each.update(changes))
    shown = ("CreationTime", "RestoreTestingPlanArn", "RestoreTestingPlanName")
    return {**{name: record[name] for name in shown}, "UpdateTime": record["LastUpdateTime"]}


def delete_test(twin: Twin, request: Request) -> Answer:
    _found(twin, _TEST, request["RestoreTestingPlanName"])
    twin.store.delete(_TEST, request["RestoreTestingPlanName"])
    return {}


def create_tested(twin: Twin, request: Request) -> Answer:
    plan = request["RestoreTestingPlanName"]
    _found(twin, _TEST, plan)
    selection = request["RestoreTestingSelection"]
    name = selection["RestoreTestingSelectionName"]
    record = {
        "RestoreMetadataOverrides": {}, "ValidationWindowHours": 0, **selection, "RestoreTestingPlanName": plan,
        "CreationTime": now(),
    }  # fmt: skip
    if not twin.store.insert(_TESTED, f"{plan}/{name}", record):
        raise AwsError("AlreadyExistsException", f"{name} exists already.")
    return {
        "CreationTime": record["CreationTime"], "RestoreTestingPlanArn": _arn(twin, plan),
        "RestoreTestingPlanName": plan, "RestoreTestingSelectionName": name,
    }  # fmt: skip


def get_tested(twin: Twin, request: Request) -> Answer:
    return {"RestoreTestingSelection": _found(twin, _TESTED, _tested(request))}


def delete_tested(twin: Twin, request: Request) -> Answer:
    _found(twin, _TESTED, _tested(request))
    twin.store.delete(_TESTED, _tested(request))
    return {}


def list_tags(twin: Twin, request: Request) -> Answer:
    return {"Tags": labels.of(twin, request["ResourceArn"])}


def _tested(request: Request) -> str:
    return f"{request['RestoreTestingPlanName']}/{request['RestoreTestingSelectionName']}"


def _arn(twin: Twin, name: str) -> str:
    return f"arn:aws:backup:{twin.options.region}:{twin.options.account}:restore-testing-plan:{name}"


def _found(twin: Twin, kind: str, name: str) -> Document:
    record = twin.store.get(kind, name)
    if record is None:
        raise AwsError("ResourceNotFoundException", f"Cannot find {kind} {name}", 404)
    return record


OPERATIONS = {
    "CreateBackupSelection": create_selection, "GetBackupSelection": get_selection,
    "ListBackupSelections": list_selections, "DeleteBackupSelection": delete_selection,
    "ListRecoveryPointsByBackupVault": recovery_points, "CreateRestoreTestingPlan": create_test,
    "GetRestoreTestingPlan": get_test, "ListRestoreTestingPlans": list_tests,
    "UpdateRestoreTestingPlan": update_test, "DeleteRestoreTestingPlan": delete_test,
    "CreateRestoreTestingSelection": create_tested, "GetRestoreTestingSelection": get_tested,
    "DeleteRestoreTestingSelection": delete_tested,
}  # fmt: skip
