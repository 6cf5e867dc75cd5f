"""The log of true effects: what was really accepted, whoever asked, however often. Tests of exactly-once read it."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from twin.aws.wire import now


class Effects:
    """Append-only JSON lines; survives restarts."""

    def __init__(self, path: Path):
        self._lock = threading.Lock()
        self._path = path
        self._entries: list[dict[str, Any]] = []
        if path.exists():
            lines = path.read_text().splitlines()
            self._entries = [json.loads(line) for line in lines if line.endswith("}")]
        self._file = path.open("a")

    def record(self, operation: str, name: str, **detail: Any) -> None:
        with self._lock:
            entry = {"n": len(self._entries) + 1, "time": now(), "operation": operation, "name": name, **detail}
            self._entries.append(entry)
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    def list(self, operation: str | None = None, name: str | None = None) -> list[dict[str, Any]]:
        with self._lock:
            return [
                entry
                for entry in self._entries
                if (not operation or entry["operation"] == operation) and (not name or entry["name"] == name)
            ]

    def close(self) -> None:
        self._file.close()
