"""Alarms that ring, told where people read: once each time one begins to."""

from __future__ import annotations

from mlops.aws import translated
from mlops.endpoints import EndpointRecord
from mlops.notify import Event, Message, deliver
from mlops.services import Services


def tell(services: Services, record: EndpointRecord) -> list[str]:
    """Messages about the endpoint's alarms that are in state ALARM now; their names. Safe to repeat.

    The topic of `alarm_topic_arn`, where one is set, hears of them at once; this way works without a subscriber, at
    the pace of the drift checks.
    """
    names = list((record.watch or {}).get("alarms", ()))
    if not names:
        return []
    with translated(f"look at the alarms of {record.endpoint}"):
        answer = services.cloud.cloudwatch.describe_alarms(AlarmNames=names)
    rings = [alarm for alarm in answer.get("MetricAlarms", []) if alarm["StateValue"] == "ALARM"]
    for alarm in rings:
        since = alarm["StateUpdatedTimestamp"].isoformat(timespec="seconds")
        message = Message(
            event=Event.ALARM,
            key=f"{alarm['AlarmName']}/{since}",
            incident=alarm["AlarmName"],
            title=f"Alarm on {record.endpoint}: {alarm['AlarmDescription'].removesuffix('.')}",
            text=f"Since {since}: {alarm.get('StateReason', '')}",
        )
        deliver(services, message)
    return [alarm["AlarmName"] for alarm in rings]
