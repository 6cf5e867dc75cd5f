"""MWAA: environments are kept and become available; no Airflow is started by one."""

from __future__ import annotations

import threading
from typing import Any

from twin.aws import labels
from twin.aws.store import Document, public
from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import AwsError, invalid, now

_KIND = "mwaa"
_LOGS = ("DagProcessing", "Scheduler", "Task", "Webserver", "Worker")
_GROUPS = {"DagProcessing": "DAGProcessing", "Webserver": "WebServer"}
"""How they are spelled in the name of a log group."""
_DEFAULTS: dict[str, Any] = {
    "AirflowConfigurationOptions": {}, "EnvironmentClass": "mw1.small", "MaxWorkers": 10, "MinWorkers": 1,
    "Schedulers": 2, "MaxWebservers": 2, "MinWebservers": 2, "WebserverAccessMode": "PRIVATE_ONLY",
    "EndpointManagement": "SERVICE", "WeeklyMaintenanceWindowStart": "SUN:03:30", "LoggingConfiguration": {},
}  # fmt: skip


def create(twin: Twin, request: Request) -> Answer:
    name = request["Name"]
    arn = twin.options.arn("environment", name, "airflow")
    record = {
        **_DEFAULTS,
        **{member: value for member, value in request.items() if member != "Tags"},
        "Arn": arn,
        "CreatedAt": now(),
        "ServiceRoleArn": f"arn:aws:iam::{twin.options.account}:role/aws-service-role/airflow.amazonaws.com/"
        "AWSServiceRoleForAmazonMWAA",
        "WebserverUrl": f"https://{name}.{twin.options.region}.airflow.amazonaws.com",
        "CeleryExecutorQueue": f"arn:aws:sqs:{twin.options.region}:{twin.options.account}:airflow-celery-{name}",
        "Status": "CREATING",
    }
    record["LoggingConfiguration"] = _logging(twin, name, record["LoggingConfiguration"])
    if not twin.store.insert(_KIND, name, record):
        raise invalid(f"Environment {name} exists already.")
    labels.put(twin, arn, request.get("Tags", {}))
    twin.effects.record("CreateEnvironment", name)
    _become(twin, name, "AVAILABLE")
    return {"Arn": arn}


def get(twin: Twin, request: Request) -> Answer:
    record = _record(twin, request["Name"])
    return {"Environment": {**public(record), "Tags": labels.of(twin, record["Arn"])}}


def update(twin: Twin, request: Request) -> Answer:
    name = request["Name"]
    record = _record(twin, name)
    if record["Status"] != "AVAILABLE":
        raise invalid(f"Environment {name} is {record['Status']}; only an AVAILABLE one is updated.")
    changed = {**request, "Status": "UPDATING", "LastUpdate": {"Status": "SUCCESS", "CreatedAt": now()}}
    if "LoggingConfiguration" in request:
        changed["LoggingConfiguration"] = _logging(twin, name, request["LoggingConfiguration"])
    twin.store.change(_KIND, name, lambda each: each.update(changed))
    twin.effects.record("UpdateEnvironment", name)
    _become(twin, name, "AVAILABLE")
    return {"Arn": record["Arn"]}


def delete(twin: Twin, request: Request) -> Answer:
    _record(twin, request["Name"])
    twin.store.delete(_KIND, request["Name"])
    twin.effects.record("DeleteEnvironment", request["Name"])
    return {}


def list_(twin: Twin, request: Request) -> Answer:
    return {"Environments": [each["Name"] for each in twin.store.all(_KIND)]}


def tag(twin: Twin, request: Request) -> Answer:
    labels.put(twin, request["ResourceArn"], request["Tags"])
    return {}


def untag(twin: Twin, request: Request) -> Answer:
    labels.remove(twin, request["ResourceArn"], request["tagKeys"])
    return {}


def list_tags(twin: Twin, request: Request) -> Answer:
    return {"Tags": labels.of(twin, request["ResourceArn"])}


def _record(twin: Twin, name: str) -> Document:
    record = twin.store.get(_KIND, name)
    if record is None:
        raise AwsError("ResourceNotFoundException", f"Environment {name} was not found.", 404)
    return record


def _become(twin: Twin, name: str, status: str) -> None:
    timer = threading.Timer(
        twin.options.boot_s, lambda: twin.store.change(_KIND, name, lambda each: each.update(Status=status))
    )
    timer.daemon = True
    timer.start()


def _logging(twin: Twin, name: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Each kind of log with the group it goes to; those not asked for are off."""
    whole = {}
    for kind in _LOGS:
        chosen = wanted.get(f"{kind}Logs", {"Enabled": False, "LogLevel": "INFO"})
        group = f"log-group:airflow-{name}-{_GROUPS.get(kind, kind)}"
        arn = f"arn:aws:logs:{twin.options.region}:{twin.options.account}:{group}"
        whole[f"{kind}Logs"] = {**chosen, "CloudWatchLogGroupArn": arn} if chosen["Enabled"] else chosen
    return whole


OPERATIONS = {
    "CreateEnvironment": create, "GetEnvironment": get, "UpdateEnvironment": update, "DeleteEnvironment": delete,
    "ListEnvironments": list_, "TagResource": tag, "UntagResource": untag, "ListTagsForResource": list_tags,
}  # fmt: skip
