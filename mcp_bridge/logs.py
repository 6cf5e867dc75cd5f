"""JSON logs on stderr: stdout belongs to the protocol where the server runs over stdio."""

from __future__ import annotations

import logging
import os

from mlops.telemetry import lines, tracing


def configure(level: str = "INFO") -> None:
    """Make JSON lines of everything that is logged in this process, with the run and the trace of the call."""
    lines.configure(level, tracing.facts)
    # MLflow would write its own form past this handler.
    os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
    for noisy in ("httpx", "botocore", "urllib3", "uvicorn.access", "mcp.server.streamable_http"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Its account of a failed call repeats ours.
    logging.getLogger("mcp.server.mcpserver.server").setLevel(logging.CRITICAL)
