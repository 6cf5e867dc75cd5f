"""Files example issues on the local GitHub as a person would, and shows their runs until they end."""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import httpx
import yaml

from twin import environment
from twin.layout import REPOSITORY, Layout

FOLLOW_LIMIT_S = 1200.0
_MARKS = {"succeeded": "✔", "failed": "✘", "skipped": "-", "running": "…"}


@dataclass(frozen=True)
class Example:
    """An issue to file: front matter (title, labels, expect, reply) and body."""

    path: Path
    title: str
    labels: tuple[str, ...]
    expect: str
    """The outcome this issue asks for: `deployed`, `refused`, `below-threshold`, ..."""
    replies: tuple[str, ...]
    """Comments an operator gives, one each time the run ends below its threshold."""
    body: str


def read_example(path: Path) -> Example:
    """Front matter between `---` lines is for us; without any, the whole file is the issue."""
    text = path.read_text(encoding="utf-8")
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    meta: dict[str, Any] = yaml.safe_load(match.group(1)) if match else {}
    if not isinstance(meta, dict):
        raise ValueError(f"{path}: the front matter must be a mapping")
    return Example(
        path=path,
        title=str(meta.get("title", path.stem.replace("_", " "))),
        labels=tuple(meta.get("labels", ["mlops:train"])),
        expect=str(meta.get("expect", "deployed")),
        replies=tuple(meta.get("replies", ())),
        body=text[match.end() :].lstrip("\n") if match else text,
    )


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


class Follower:
    """Talks to GitHub and the history like any user; knows nothing of the system's inside."""

    def __init__(self, layout: Layout):
        self.layout = layout
        self.api = httpx.Client(
            base_url=f"{layout.url('github')}/api/v3/repos/{REPOSITORY}",
            headers={"Authorization": f"Bearer {environment.USER_TOKEN}"},
            timeout=20,
        )
        names = environment.aws(layout)
        self.sagemaker = boto3.client(
            "sagemaker", endpoint_url=names["AWS_ENDPOINT_URL"], region_name=environment.REGION,
            aws_access_key_id="twin", aws_secret_access_key="twin",  # noqa: S106 - the emulator takes any
        )  # fmt: skip
        self.dynamodb = boto3.resource(
            "dynamodb", endpoint_url=names["AWS_ENDPOINT_URL"], region_name=environment.REGION,
            aws_access_key_id="twin", aws_secret_access_key="twin",  # noqa: S106
        )  # fmt: skip

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
            print(self._fact(run))
        return 0 if all(run.outcome == run.example.expect for run in runs) else 1

    def _file(self, example: Example) -> Progress:
        reply = self.api.post("/issues", json={"title": example.title, "body": example.body, "labels": example.labels})
        reply.raise_for_status()
        number = reply.json()["number"]
        print(f"Filed #{number}: {example.title}\n  {self.layout.url('github')}/{REPOSITORY}/issues/{number}", flush=True)
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
        outcome = ended.pop()
        if outcome == "below-threshold" and run.replied < len(run.example.replies):
            if record and record.get("retraining", 0) == run.replied:
                self._reply(run)
            return
        run.outcome = outcome

    def _reply(self, run: Progress) -> None:
        text = run.example.replies[run.replied]
        run.replied += 1
        print(f"  #{run.number} below its threshold; the operator comments:\n" + "\n".join(f"      {line}" for line in text.splitlines()))
        self.api.post(f"/issues/{run.number}/comments", json={"body": text}).raise_for_status()

    def _show_phases(self, run: Progress) -> None:
        for phase, state in run.record["phases"].items():
            key = (run.record["run_key"], phase, state["state"])
            if state["state"] in _MARKS and key not in run.shown:
                run.shown.add(key)
                passed = time.monotonic() - run.filed
                print(f"  [{passed:5.0f} s] #{run.number} {phase:9} {_MARKS[state['state']]} {state['message']}", flush=True)

    def _newest_record(self, number: int) -> dict[str, Any] | None:
        raise NotImplementedError

    def _fact(self, run: Progress) -> str:
        raise NotImplementedError

    def _get(self, path: str) -> Any:
        reply = self.api.get(path)
        reply.raise_for_status()
        return reply.json()
