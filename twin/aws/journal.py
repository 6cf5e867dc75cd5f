"""Acknowledged DynamoDB writes, on disk before the answer: a conditional write that succeeded is never forgotten.

The requests themselves are kept and played again on top of the last snapshot. One file a generation: a snapshot names
the generation that begins after it, so that no write is played twice and none is left out.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from werkzeug.test import EnvironBuilder

from twin.aws.json_lines import JsonLines

READING = (
    "Describe", "Get", "List", "Head", "BatchGet", "Query", "Scan", "Search", "Filter", "Lookup", "Test",
)  # fmt: skip
"""Operations that begin so change nothing."""
_KEPT = ("HTTP_AUTHORIZATION", "HTTP_X_AMZ_TARGET", "CONTENT_TYPE", "HTTP_HOST")


class Journal:
    def __init__(self, folder: Path, name: str):
        self._folder, self._name = folder, name
        self.generation = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._lines = JsonLines(self._path(0))

    def _path(self, generation: int) -> Path:
        return self._folder / f"{self._name}-{generation}.journal"

    def begin(self, generation: int) -> Iterator[dict[str, Any]]:
        """Take up `generation`; yields the WSGI environments of its writes, to be played again, oldest first."""
        self._open(generation)
        for entry in self._lines.found:
            yield _environment(entry)

    def _open(self, generation: int) -> None:
        self._lines.close()
        self.generation = generation
        self._lines = JsonLines(self._path(generation))
        for path in self._folder.glob(f"{self._name}-*.journal"):
            if path != self._path(generation):
                path.unlink()

    def append(self, environ: dict[str, Any], body: bytes) -> None:
        entry = {name: environ[name] for name in _KEPT if name in environ}
        self._lines.append({**entry, "body": base64.b64encode(body).decode()})

    def next_generation(self) -> int:
        """What a snapshot taken now has to name."""
        return self.generation + 1

    def rotate(self) -> None:
        """The snapshot is on disk: begin the generation it names."""
        self._open(self.generation + 1)

    def close(self) -> None:
        self._lines.close()


def _environment(entry: dict[str, str]) -> dict[str, Any]:
    body = base64.b64decode(entry.pop("body"))
    environ = EnvironBuilder(method="POST", path="/", data=body).get_environ()
    return {**environ, **entry}
