"""X-Ray: sampling rules, groups and encryption are kept; segments are kept and told again."""

from __future__ import annotations

import json
import uuid

from twin.aws import labels
from twin.aws.store import Document
from twin.aws.traces import last_moment
from twin.aws.twin import Answer, Request, Twin
from twin.aws.wire import AwsError, now

_RULE, _GROUP, _SETTINGS = "xray-rule", "xray-group", "xray-settings"


def create_rule(twin: Twin, request: Request) -> Answer:
    rule = request["SamplingRule"]
    name = rule["RuleName"]
    arn = twin.options.arn("sampling-rule", name, "xray")
    record = {
        "SamplingRule": {"Attributes": {}, "Version": 1, **rule, "RuleARN": arn},
        "CreatedAt": now(),
        "ModifiedAt": now(),
    }
    if not twin.store.insert(_RULE, name, record):
        raise AwsError("InvalidRequestException", f"Rule {name} exists already.")
    labels.put(twin, arn, {each["Key"]: each["Value"] for each in request.get("Tags", [])})
    return {"SamplingRuleRecord": record}


def list_rules(twin: Twin, request: Request) -> Answer:
    return {"SamplingRuleRecords": twin.store.all(_RULE)}


def update_rule(twin: Twin, request: Request) -> Answer:
    changes = request["SamplingRuleUpdate"]

    def change(record: Document) -> None:
        record["SamplingRule"].update(changes)
        record["ModifiedAt"] = now()

    name = _name(changes)
    record = twin.store.change(_RULE, name, change)
    if record is None:
        raise _unknown(name)
    return {"SamplingRuleRecord": record}


def delete_rule(twin: Twin, request: Request) -> Answer:
    name = _name(request)
    record = twin.store.get(_RULE, name)
    if record is None:
        raise _unknown(name)
    twin.store.delete(_RULE, name)
    return {"SamplingRuleRecord": record}


def create_group(twin: Twin, request: Request) -> Answer:
    name = request["GroupName"]
    arn = twin.options.arn("group", f"{name}/{uuid.uuid4().hex[:16].upper()}", "xray")
    record = {
        "GroupName": name, "GroupARN": arn, "FilterExpression": request.get("FilterExpression", ""),
        "InsightsConfiguration": {
            "InsightsEnabled": False, "NotificationsEnabled": False, **request.get("InsightsConfiguration", {})
        },
    }  # fmt: skip
    if not twin.store.insert(_GROUP, name, record):
        raise AwsError("InvalidRequestException", f"Group {name} exists already.")
    labels.put(twin, arn, {each["Key"]: each["Value"] for each in request.get("Tags", [])})
    return {"Group": record}


def get_group(twin: Twin, request: Request) -> Answer:
    return {"Group": _group(twin, request)}


def list_groups(twin: Twin, request: Request) -> Answer:
    return {"Groups": twin.store.all(_GROUP)}


def delete_group(twin: Twin, request: Request) -> Answer:
    twin.store.delete(_GROUP, _group(twin, request)["GroupName"])
    return {}


def put_encryption(twin: Twin, request: Request) -> Answer:
    kept = {"Type": request["Type"], "KeyId": request.get("KeyId"), "Status": "ACTIVE"}
    twin.store.put(_SETTINGS, "encryption", kept)
    return {"EncryptionConfig": kept}


def get_encryption(twin: Twin, request: Request) -> Answer:
    return {"EncryptionConfig": twin.store.get(_SETTINGS, "encryption") or {"Type": "NONE", "Status": "ACTIVE"}}


def list_tags(twin: Twin, request: Request) -> Answer:
    return {"Tags": labels.pairs(labels.of(twin, request["ResourceARN"]))}


def tag(twin: Twin, request: Request) -> Answer:
    labels.put(twin, request["ResourceARN"], {each["Key"]: each["Value"] for each in request["Tags"]})
    return {}


def untag(twin: Twin, request: Request) -> Answer:
    labels.remove(twin, request["ResourceARN"], request["TagKeys"])
    return {}


def put_segments(twin: Twin, request: Request) -> Answer:
    taken, refused = [], []
    for text in request["TraceSegmentDocuments"]:
        try:
            document = json.loads(text)
            taken.append({**document, "start_time": float(document["start_time"])})
            _ = document["trace_id"], document["id"], document["name"]
        except (ValueError, TypeError, KeyError) as wrong:
            refused.append({"ErrorCode": "ParseError", "Message": f"No segment document: {wrong}"})
    if not refused:
        twin.traces.put(taken)
    return {"UnprocessedTraceSegments": refused}


def get_traces(twin: Twin, request: Request) -> Answer:
    found = {name: twin.traces.of(name) for name in request["TraceIds"]}
    return {
        "Traces": [_trace(name, segments) for name, segments in found.items() if segments],
        "UnprocessedTraceIds": [name for name, segments in found.items() if not segments],
    }


def _trace(name: str, segments: list[Document]) -> Document:
    duration = last_moment(segments) - min(each["start_time"] for each in segments)
    return {
        "Id": name, "Duration": duration, "LimitExceeded": False,
        "Segments": [{"Id": each["id"], "Document": json.dumps(each)} for each in segments],
    }  # fmt: skip


def _name(request: Request) -> str:
    return request.get("RuleName") or request.get("RuleARN", "").rpartition("/")[2]


def _group(twin: Twin, request: Request) -> Document:
    for each in twin.store.all(_GROUP):
        if request.get("GroupARN") in {each["GroupARN"]} or request.get("GroupName") == each["GroupName"]:
            return each
    raise AwsError("InvalidRequestException", "Group not found.")


def _unknown(name: str) -> AwsError:
    return AwsError("InvalidRequestException", f"Sampling rule {name} does not exist.")


OPERATIONS = {
    "CreateSamplingRule": create_rule, "GetSamplingRules": list_rules, "UpdateSamplingRule": update_rule,
    "DeleteSamplingRule": delete_rule, "CreateGroup": create_group, "GetGroup": get_group, "GetGroups": list_groups,
    "DeleteGroup": delete_group, "PutEncryptionConfig": put_encryption, "GetEncryptionConfig": get_encryption,
    "ListTagsForResource": list_tags, "TagResource": tag, "UntagResource": untag,
    "PutTraceSegments": put_segments, "BatchGetTraces": get_traces,
}  # fmt: skip
