"""Budgets' subscribers and cost anomalies: kept, nobody is told anything. Budgets themselves are moto's."""

from __future__ import annotations

import uuid
from typing import Any

from moto.budgets.models import budgets_backends

from twin.aws import labels
from twin.aws.store import Document, public
from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import AwsError

_MONITOR, _SUBSCRIPTION = "anomaly-monitor", "anomaly-subscription"


# Budgets


def subscribers(twin: Twin, request: Request) -> Answer:
    budgets: Any = budgets_backends[twin.options.account]["aws"].budgets[twin.options.account]
    wanted = request["Notification"]
    for each in budgets[request["BudgetName"]].notifications if request["BudgetName"] in budgets else []:
        if all(each.details.get(name) == value for name, value in wanted.items() if name != "NotificationState"):
            return {"Subscribers": each.subscribers}
    raise AwsError("NotFoundException", "The notification was not found.")


def update_budget(twin: Twin, request: Request) -> Answer:
    wanted = request["NewBudget"]
    budgets: Any = budgets_backends[twin.options.account]["aws"].budgets[twin.options.account]
    if wanted["BudgetName"] not in budgets:
        raise AwsError("NotFoundException", f"Unable to get budget: {wanted['BudgetName']} - it doesn't exist.")
    with twin.locks.changing("budgets"):
        budgets[wanted["BudgetName"]].budget.update(wanted)
    return {}


def budget_tags(twin: Twin, request: Request) -> Answer:
    return {"ResourceTags": labels.pairs(labels.of(twin, request["ResourceARN"]))}


def tag_budget(twin: Twin, request: Request) -> Answer:
    labels.put(twin, request["ResourceARN"], {each["Key"]: each["Value"] for each in request["ResourceTags"]})
    return {}


# Anomalies


def _create(twin: Twin, kind: str, member: str, record: Document, tags: list[dict[str, str]]) -> str:
    word = kind.replace("-", "")
    arn = f"arn:aws:ce::{twin.options.account}:{word}/{uuid.uuid4()}"
    twin.store.put(kind, arn, {**record, member: arn})
    labels.put(twin, arn, {each["Key"]: each["Value"] for each in tags})
    return arn


def create_monitor(twin: Twin, request: Request) -> Answer:
    tags = request.get("ResourceTags", [])
    return {"MonitorArn": _create(twin, _MONITOR, "MonitorArn", request["AnomalyMonitor"], tags)}


def monitors(twin: Twin, request: Request) -> Answer:
    wanted = request.get("MonitorArnList")
    found = twin.store.all(_MONITOR, lambda each: not wanted or each["MonitorArn"] in wanted)
    return {"AnomalyMonitors": [public(each) for each in found]}


def update_monitor(twin: Twin, request: Request) -> Answer:
    _change(twin, _MONITOR, request["MonitorArn"], {"MonitorName": request["MonitorName"]})
    return {"MonitorArn": request["MonitorArn"]}


def delete_monitor(twin: Twin, request: Request) -> Answer:
    _delete(twin, _MONITOR, request["MonitorArn"])
    return {}


def create_subscription(twin: Twin, request: Request) -> Answer:
    record = request["AnomalySubscription"]
    record["Subscribers"] = [{**each, "Status": "CONFIRMED"} for each in record["Subscribers"]]
    tags = request.get("ResourceTags", [])
    return {"SubscriptionArn": _create(twin, _SUBSCRIPTION, "SubscriptionArn", record, tags)}


def subscriptions(twin: Twin, request: Request) -> Answer:
    wanted = request.get("SubscriptionArnList")
    found = twin.store.all(_SUBSCRIPTION, lambda each: not wanted or each["SubscriptionArn"] in wanted)
    return {"AnomalySubscriptions": [{"AccountId": twin.options.account, **public(each)} for each in found]}


def update_subscription(twin: Twin, request: Request) -> Answer:
    arn = request["SubscriptionArn"]
    _change(twin, _SUBSCRIPTION, arn, {name: value for name, value in request.items() if name != "SubscriptionArn"})
    return {"SubscriptionArn": arn}


def delete_subscription(twin: Twin, request: Request) -> Answer:
    _delete(twin, _SUBSCRIPTION, request["SubscriptionArn"])
    return {}


def tags_of(twin: Twin, request: Request) -> Answer:
    return {"ResourceTags": labels.pairs(labels.of(twin, request["ResourceArn"]))}


def tag(twin: Twin, request: Request) -> Answer:
    labels.put(twin, request["ResourceArn"], {each["Key"]: each["Value"] for each in request["ResourceTags"]})
    return {}


def _change(twin: Twin, kind: str, arn: str, changes: Document) -> None:
    if twin.store.change(kind, arn, lambda each: each.update(changes)) is None:
        raise _unknown(kind, arn)


def _delete(twin: Twin, kind: str, arn: str) -> None:
    if not twin.store.delete(kind, arn):
        raise _unknown(kind, arn)


def _unknown(kind: str, arn: str) -> AwsError:
    code = "UnknownMonitorException" if kind == _MONITOR else "UnknownSubscriptionException"
    return AwsError(code, f"{arn} does not exist.")


BUDGETS = {
    "UpdateBudget": update_budget,
    "DescribeSubscribersForNotification": subscribers, "ListTagsForResource": budget_tags, "TagResource": tag_budget,
}  # fmt: skip
ANOMALIES = {
    "CreateAnomalyMonitor": create_monitor, "GetAnomalyMonitors": monitors, "UpdateAnomalyMonitor": update_monitor,
    "DeleteAnomalyMonitor": delete_monitor, "CreateAnomalySubscription": create_subscription,
    "GetAnomalySubscriptions": subscriptions, "UpdateAnomalySubscription": update_subscription,
    "DeleteAnomalySubscription": delete_subscription, "ListTagsForResource": tags_of, "TagResource": tag,
}  # fmt: skip
