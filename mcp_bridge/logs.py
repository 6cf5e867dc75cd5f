"""JSON logs, one event a line, on stderr: stdout belongs to the protocol where the server runs over stdio."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "message", ...}`; whatever `extra={"fields": {...}}` brings is added."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False, default=str)


def configure(level: str = "INFO") -> None:
    """Make JSON lines of everything that is logged in this process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "botocore", "urllib3", "uvicorn.access", "mcp.server.streamable_http"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Its account of a failed call repeats ours.
    logging.getLogger("mcp.server.mcpserver.server").setLevel(logging.CRITICAL)
