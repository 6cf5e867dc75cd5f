"""Files example issues on the local GitHub as a person would, and shows their runs until they end."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from twin.layout import REPOSITORY, Layout
from twin.visitor import Visitor

FOLLOW_LIMIT_S = 1200.0
_GOOD = {"deployed", "registered", "kept-champion"}
_MARKS = {"succeeded": "✔", "failed": "✘", "skipped": "-", "running": "…"}


@dataclass(frozen=True)
class Example:
    """An issue to file: front matter (title, labels, expect, reply) and body."""

    path: Path
    title: str
    labels: tuple[str, ...]
    expect: str | None
    """The outcome this issue asks for: `deployed`, `refused`, `below-threshold`, ..."""
    replies: tuple[str, ...]
    """Comments an operator gives, one each time the run ends below its threshold."""
    body: str


def read_example(path: Path) -> Example:
    """Front matter between `---` lines is for us; without any, the whole file is the issue."""
    text = path.read_text(encoding="utf-8")
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    try:
        meta = yaml.safe_load(match.group(1)) if match else {}
    except yaml.YAMLError as broken:
        raise ValueError(f"{path}: the front matter is no YAML: {broken}") from broken
    if not isinstance(meta, dict):
        raise ValueError(f"{path}: the front matter must be a mapping")
    return Example(
        path=path,
        title=str(meta.get("title", path.stem.replace("_", " "))),
        labels=tuple(_listed(meta.get("labels", ["mlops:train"]), ",")),
        expect=str(meta["expect"]) if "expect" in meta else None,
        replies=tuple(_listed(meta.get("replies"))),
        body=text[match.end() :].lstrip("\n") if match else text,
    )


def _listed(given: Any, separator: str | None = None) -> list[str]:
    """A list, or one text for a list: GitHub's own templates write `labels: bug, help wanted`."""
    if isinstance(given, str):
        parts = given.split(separator) if separator else [given]
        return [part.strip() for part in parts if part.strip()]
    return [str(one) for one in given or ()]


@dataclass
class Progress:
    """What was already shown of one issue."""

    example: Example
    number: int
    filed: float
    shown: set[tuple[str, str, str]] = field(default_factory=set)
    replied: int = 0
    outcome: str | None = None
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def as_asked(self) -> bool:
        """The outcome is the expected one; where none is named, any good one."""
        if self.example.expect:
            return self.outcome == self.example.expect
        return self.outcome in _GOOD


class Follower:
    """Talks to GitHub and the history like any user; knows nothing of the system's inside."""

    def __init__(self, layout: Layout):
        self.layout = layout
        self.visitor = Visitor(layout)
        self.sagemaker = self.visitor.aws("sagemaker")

    def carry(self, examples: list[Example]) -> int:
        """File every example, show progress, print one line of fact each; 0 if each ended as it asks."""
        runs = [self._file(example) for example in examples]
        deadline = time.monotonic() + FOLLOW_LIMIT_S
        while any(run.outcome is None for run in runs) and time.monotonic() < deadline:
            for run in runs:
                if run.outcome is None:
                    self._look(run)
            time.sleep(0.5)
        print()
        for run in runs:
            if run.record.get("ended_at"):
                print(self._timing(run))
        for run in runs:
            print(self._fact(run))
        return 0 if all(run.as_asked for run in runs) else 1

    def _file(self, example: Example) -> Progress:
        number = self.visitor.file_issue(example.body, list(example.labels), example.title)
        print(
            f"Filed #{number}: {example.title}\n  {self.layout.url('github')}/{REPOSITORY}/issues/{number}", flush=True
        )
        return Progress(example, number, time.monotonic())

    def _look(self, run: Progress) -> None:
        labels = {label["name"] for label in self._get(f"/issues/{run.number}")["labels"]}
        record = self._newest_record(run.number)
        if record:
            run.record = record
            self._show_phases(run)
        states = {label.removeprefix("mlops:") for label in labels if label.startswith("mlops:")}
        ended = states & {
            "deployed", "registered", "kept-champion", "below-threshold", "failed", "stopped", "refused",
            "awaiting-approval",
        }  # fmt: skip
        if not ended or (record and "refused" not in ended and not record.get("reported_at")):
            return
        if record and record["retraining"] < run.replied:
            return  # the label is still that of the run before the operator's comment
        outcome = ended.pop()
        if outcome == "below-threshold" and run.replied < len(run.example.replies):
            self._reply(run)
            return
        run.outcome = outcome

    def _reply(self, run: Progress) -> None:
        text = run.example.replies[run.replied]
        run.replied += 1
        print(
            f"  #{run.number} below its threshold; the operator comments:\n"
            + "\n".join(f"      {line}" for line in text.splitlines())
        )
        self.visitor.comment(run.number, text)

    def _show_phases(self, run: Progress) -> None:
        for phase, state in run.record["phases"].items():
            key = (run.record["run_key"], phase, state["state"])
            if state["state"] in _MARKS and key not in run.shown:
                run.shown.add(key)
                passed = time.monotonic() - run.filed
                print(
                    f"  [{passed:5.0f} s] #{run.number} {phase:9} {_MARKS[state['state']]} {state['message']}",
                    flush=True,
                )

    def _newest_record(self, number: int) -> dict[str, Any] | None:
        runs = [run for run in self.visitor.bridge.call("list_runs", {"limit": 50})["runs"] if run["issue"] == number]
        if not runs:
            return None
        newest = max(runs, key=lambda run: run["created_at"])
        return self.visitor.record(newest["run_key"])

    def _fact(self, run: Progress) -> str:
        """Run key, outcome, model version, endpoint state, history path: one line."""
        asked = f" expected {run.example.expect}," if run.example.expect else ""
        mark = "✔" if run.as_asked else f"✘{asked}"
        record = run.record
        if not record:
            return f"{mark} #{run.number} {run.outcome or 'did not end in time'}: no run was started"
        version = record["phases"]["package"]["handle"].get("version", "no model")
        endpoint = served_by(record["phases"]["deploy"]["handle"])
        return (
            f"{mark} {record['run_key']} {run.outcome or 'did not end in time'}, model {version}, "
            f"endpoint {self._endpoint_state(endpoint)}, history {record['history_path'] or 'not written'}"
        )

    def _endpoint_state(self, endpoint: str | None) -> str:
        if not endpoint:
            return "none"
        return f"{endpoint} {self.sagemaker.describe_endpoint(EndpointName=endpoint)['EndpointStatus']}"

    def _timing(self, run: Progress) -> str:
        """How long the intake took, and what the run cost beyond the work of its jobs."""
        record = run.record
        begun = _seconds_between(record["labelled_at"], record["phases"]["prepare"]["started_at"])
        whole = _seconds_between(record["started_at"], record["ended_at"])
        work = sum(
            _seconds_between(phase["started_at"], phase["ended_at"]) or 0.0
            for phase in record["phases"].values()
            if phase["state"] != "skipped"
        )
        return (
            f"  #{run.number} label to start of prepare {begun:.0f} s; run {whole:.0f} s, of which phases {work:.0f} s"
        )

    def _get(self, path: str) -> Any:
        reply = self.visitor.github.get(path)
        reply.raise_for_status()
        return reply.json()


def served_by(deployed: dict[str, Any]) -> str | None:
    """The endpoint of a run's deployment; one that was left out names only what it would have had."""
    return deployed.get("endpoint") if deployed.get("state") != "skipped" else None


def _seconds_between(earlier: str | None, later: str | None) -> float | None:
    if not earlier or not later:
        return None
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
