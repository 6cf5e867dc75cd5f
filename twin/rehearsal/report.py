"""What a rehearsal measured, held against what was promised."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

RPO_S, RTO_S = 3600.0, 4 * 3600.0
"""NFR-005: at most an hour of work lost, at most four hours until it runs again."""


@dataclass(frozen=True)
class Measure:
    """One figure; `limit_s` is what it must not exceed."""

    loss: str
    what: str
    seconds: float
    limit_s: float | None = None

    @property
    def fine(self) -> bool:
        return self.limit_s is None or self.seconds <= self.limit_s


@dataclass(frozen=True)
class Invariant:
    loss: str
    what: str
    holds: bool
    found: str = ""


@dataclass
class Report:
    """Filled while the rehearsal goes on; `facts` are lines worth keeping, such as what was lost for good."""

    measures: list[Measure] = field(default_factory=list)
    invariants: list[Invariant] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)
    """Each command of a runbook that was run, and what it printed."""

    @property
    def fine(self) -> bool:
        return all(each.fine for each in self.measures) and all(each.holds for each in self.invariants)

    def measure(self, loss: str, what: str, seconds: float, limit_s: float | None = None) -> None:
        self.measures.append(Measure(loss, what, seconds, limit_s))

    def expect(self, loss: str, what: str, holds: bool, found: object = "") -> None:
        self.invariants.append(Invariant(loss, what, bool(holds), str(found)))

    def fact(self, loss: str, what: str) -> None:
        self.facts.append((loss, what))

    def text(self, *, with_commands: bool = True) -> str:
        """Markdown: figures, invariants, what was lost, what was typed."""
        lines = ["| loss | measured | seconds | limit |", "|---|---|---|---|"]
        for each in self.measures:
            limit = "" if each.limit_s is None else f"{each.limit_s:.0f}{'' if each.fine else ' EXCEEDED'}"
            lines.append(f"| {each.loss} | {each.what} | {each.seconds:.1f} | {limit} |")
        lines += ["", "| loss | must hold | holds |", "|---|---|---|"]
        lines += [
            f"| {each.loss} | {each.what} | {'yes' if each.holds else f'NO: {each.found}'} |"
            for each in self.invariants
        ]
        lines += ["", "| loss | fact |", "|---|---|", *(f"| {loss} | {fact} |" for loss, fact in self.facts)]
        for command, printed in self.commands if with_commands else ():
            lines += ["", f"`{command}`", "```", printed.strip(), "```"]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> Path:
        """`rehearsal.md` and `rehearsal.json`; the path of the first."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rehearsal.json").write_text(json.dumps({**asdict(self), "fine": self.fine}, indent=1) + "\n")
        page = folder / "rehearsal.md"
        page.write_text(self.text())
        return page
