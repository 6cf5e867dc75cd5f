"""Append-only JSON lines that survive a torn end: a line is there whole, or was never acknowledged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class JsonLines:
    """`found` are the entries of an earlier process; `append` writes one and flushes it to the system."""

    def __init__(self, path: Path):
        content = path.read_bytes() if path.exists() else b""
        self.found = [entry for line in content.splitlines() if (entry := _entry(line)) is not None]
        self._file = path.open("ab")
        if content and not content.endswith(b"\n"):
            # What follows must not be glued to the torn line.
            self._file.write(b"\n")

    def append(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except ValueError:
        return None
