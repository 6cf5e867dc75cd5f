"""New log lines of a job since a cursor, over all of its CloudWatch streams."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from mlops.aws import Cloud, is_missing, translated
from mlops.errors import RequestRefused

GROUPS = {"training": "/aws/sagemaker/TrainingJobs", "processing": "/aws/sagemaker/ProcessingJobs"}
LINES_PER_CALL = 400
"""A call's answer stays small; the next call brings the rest."""
_LINE_LENGTH = 2000


def read_new_lines(cloud: Cloud, kind: str, name: str, cursor: str | None) -> tuple[list[str], str | None]:
    """At most LINES_PER_CALL lines and the cursor to hand back. A job without a log yet has none.

    Lines are cut at 2,000 characters. With several streams (several hosts) each line is led by its stream's host.
    """
    tokens = _decode(cursor)
    with translated(f"read the log of {name}"):
        streams = _streams(cloud, GROUPS[kind], f"{name}/")
        lines: list[str] = []
        for stream in streams:
            lead = f"[{stream.rpartition('/')[2]}] " if len(streams) > 1 else ""
            while len(lines) < LINES_PER_CALL:
                page = _page(cloud, GROUPS[kind], stream, tokens.get(stream), LINES_PER_CALL - len(lines))
                lines += [lead + event["message"].rstrip("\n")[:_LINE_LENGTH] for event in page["events"]]
                tokens[stream] = page["nextForwardToken"]
                if not page["events"]:
                    break
    return lines, _encode(tokens) if tokens else None


def _streams(cloud: Cloud, group: str, prefix: str) -> list[str]:
    from botocore.exceptions import ClientError

    try:
        pages = cloud.logs.get_paginator("describe_log_streams").paginate(
            logGroupName=group, logStreamNamePrefix=prefix
        )
        return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
    except ClientError as error:
        if is_missing(error):
            return []
        raise


def _page(cloud: Cloud, group: str, stream: str, token: str | None, limit: int) -> dict[str, Any]:
    at = {"nextToken": token} if token else {}
    answer = cloud.logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, limit=limit, **at)
    return dict(answer)


def _encode(tokens: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(tokens, sort_keys=True).encode()).decode()


def _decode(cursor: str | None) -> dict[str, str]:
    if not cursor:
        return {}
    try:
        tokens = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, binascii.Error, UnicodeError) as error:
        raise RequestRefused(
            "log_cursor is not one that follow_job gave; leave it out to read from the start."
        ) from error
    if not isinstance(tokens, dict):
        raise RequestRefused("log_cursor is not one that follow_job gave; leave it out to read from the start.")
    return {str(stream): str(token) for stream, token in tokens.items()}
