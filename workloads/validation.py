"""What every `validate` shares, whatever the model: its inputs, and what is known of the model that serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workloads.contract import Paths, Run, read_json


@dataclass(frozen=True)
class Champion:
    """The serving model on the same test split. `metrics` is None where it cannot be compared; `note` says why."""

    metrics: dict[str, float] | None = None
    version: str | None = None
    note: str = ""


def run(validate: Callable[..., Any]) -> int:
    """Call `validate` with what the processing job has mounted; the exit code."""
    paths = Paths.here()
    champion = paths.input("champion") / "model.tar.gz"
    validate(
        Run.read(paths.input("run")), model=paths.input("model") / "model.tar.gz", test=paths.input("test"),
        features=paths.input("features"), manifest=read_json(paths.input("manifest"), "manifest.json"),
        champion=champion if champion.exists() else None, evaluation=paths.output("evaluation"),
    )  # fmt: skip
    return 0
