"""What a benchmark found, as JSON and as a table."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure of one contender."""

    what: str
    value: float
    unit: str


@dataclass(frozen=True)
class Ratio:
    """How many times better than a peer, or (against a bound) how many times its cost: the median of the rounds."""

    what: str
    median: float
    low: float
    high: float
    rounds: int
    aim: str = ""
    """What the project wants, e.g. `>= 1.3`; empty where nothing is promised."""

    @property
    def met(self) -> bool | None:
        if not self.aim:
            return None
        sign, limit = self.aim.split()
        return self.median >= float(limit) if sign == ">=" else self.median <= float(limit)


@dataclass(frozen=True)
class Outcome:
    """All figures of one run of one benchmark."""

    benchmark: str
    rows: list[Row]
    ratios: list[Ratio]
    packages: Sequence[str] = ()
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "benchmark": self.benchmark,
            "machine": machine(),
            "versions": {name: metadata.version(name) for name in self.packages},
            "rows": [asdict(row) for row in self.rows],
            "ratios": [asdict(ratio) | {"met": ratio.met} for ratio in self.ratios],
            "notes": self.notes,
        }

    def text(self) -> str:
        facts = self.as_dict()
        lines = [f"{self.benchmark}: " + ", ".join(f"{key} {value}" for key, value in facts["machine"].items())]
        lines.append("  " + ", ".join(f"{name} {version}" for name, version in facts["versions"].items()))
        width = max([len(row.what) for row in self.rows] + [len(ratio.what) for ratio in self.ratios], default=0)
        lines += [f"  {row.what:<{width}}  {row.value:>12,.4g} {row.unit}" for row in self.rows]
        for ratio in self.ratios:
            aim = {None: "", True: f"  aim {ratio.aim}: met", False: f"  aim {ratio.aim}: MISSED"}[ratio.met]
            spread = f"({ratio.low:,.3g} to {ratio.high:,.3g} in {ratio.rounds} rounds)"
            lines.append(f"  {ratio.what:<{width}}  {ratio.median:>12,.3g} x {spread}{aim}")
        return "\n".join(lines + [f"  {note}" for note in self.notes])


def machine() -> dict[str, Any]:
    """Where the figures were taken; without the load they cannot be read."""
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "python": ".".join(map(str, sys.version_info[:3])),
        "system": f"{platform.system()} {platform.release()}",
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
