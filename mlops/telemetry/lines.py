"""Logs as JSON, one event a line: `{"time", "level", "logger", "message", ...}`, the same in every process of ours.

Where they are known, `run_key`, `phase`, `agent`, `trace_id` and `span_id` follow. Standard library only: a function
that starts in a moment logs by it, too.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from mlops.masking import masked


def line(level: str, logger: str, message: str, *, created: float | None = None, **fields: Any) -> str:
    """One event. `created` is seconds since 1970, now where left out; fields that are None are left out."""
    moment = datetime.fromtimestamp(time.time() if created is None else created, UTC)
    event = {
        "time": moment.isoformat(timespec="milliseconds"), "level": level.lower(), "logger": logger, "message": message,
    }  # fmt: skip
    event |= {name: value for name, value in fields.items() if value is not None}
    event = {name: masked(value) if isinstance(value, str) else value for name, value in event.items()}
    return json.dumps(event, ensure_ascii=False, default=str)


def tell(level: str, logger: str, message: str, **fields: Any) -> None:
    """One event on stdout, past `logging`: Lambda's own handler would wrap a record in text."""
    print(line(level, logger, message, **fields), flush=True)


class JsonLines(logging.Formatter):
    """Records as lines. `extra={"fields": {...}}` of a record wins over what `facts` knows, and that over `constant`.

    Args:
        facts: asked at each record what is at work now.
        constant: fields of every line.
    """

    def __init__(self, facts: Callable[[], Mapping[str, Any]] = dict, **constant: Any):
        super().__init__()
        self._facts, self._constant = facts, constant

    def format(self, record: logging.LogRecord) -> str:
        given = {name: value for name, value in getattr(record, "fields", {}).items() if value is not None}
        fields = {**self._constant, **self._facts(), **given}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return line(record.levelname, record.name, record.getMessage(), created=record.created, **fields)


def configure(
    level: str = "INFO", facts: Callable[[], Mapping[str, Any]] = dict, stream: Any = None, **constant: Any
) -> None:
    """Make lines of everything that is logged in this process, on stderr where `stream` is left out."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(facts, **constant))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
