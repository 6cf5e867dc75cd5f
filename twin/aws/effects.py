"""The log of true effects: what was really accepted, whoever asked, however often. Tests of exactly-once read it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from twin.aws.json_lines import JsonLines
from twin.aws.wire import now


class Effects:
    """Append-only; survives restarts."""

    def __init__(self, path: Path):
        self._lock = threading.Lock()
        self._lines = JsonLines(path)
        self._entries = self._lines.found

    def record(self, operation: str, name: str, **detail: Any) -> None:
        with self._lock:
            entry = {"n": len(self._entries) + 1, "time": now(), "operation": operation, "name": name, **detail}
            self._entries.append(entry)
            self._lines.append(entry)

    def list(self, operation: str | None = None, name: str | None = None) -> list[dict[str, Any]]:
        with self._lock:
            return [
                entry
                for entry in self._entries
                if (not operation or entry["operation"] == operation) and (not name or entry["name"] == name)
            ]

    def close(self) -> None:
        self._lines.close()
