"""Application Auto Scaling: tags of targets, which moto does not know."""

from __future__ import annotations

from twin.aws import labels
from twin.aws.twin import Answer, Request, Twin


def list_tags(twin: Twin, request: Request) -> Answer:
    return {"Tags": labels.of(twin, request["ResourceARN"])}


def tag(twin: Twin, request: Request) -> Answer:
    labels.put(twin, request["ResourceARN"], request["Tags"])
    return {}


OPERATIONS = {"ListTagsForResource": list_tags, "TagResource": tag}
