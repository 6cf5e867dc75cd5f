"""What the parts of the twin share: records, log of effects, faults, children, objects, logs, metrics."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.aws.asks import Place
from twin.aws.children import Children
from twin.aws.effects import Effects
from twin.aws.faults import Faults
from twin.aws.locks import Locks
from twin.aws.logs import Logs
from twin.aws.metrics import Metrics
from twin.aws.options import Options
from twin.aws.storage import Storage
from twin.aws.store import Store
from twin.aws.traces import Traces
from twin.aws.trail import Trail

if TYPE_CHECKING:
    from twin.aws.fleet import Fleet
    from twin.aws.jobs import JobRun

Request = dict[str, Any]
Answer = dict[str, Any]


@dataclass
class Twin:
    options: Options
    folder: Path
    """Everything that survives lives below it."""
    store: Store
    effects: Effects
    locks: Locks
    storage: Storage
    logs: Logs
    metrics: Metrics
    trail: Trail
    traces: Traces
    faults: Faults = field(default_factory=Faults)
    children: Children = field(default_factory=Children)
    url: str = ""
    """Where jobs and servers reach the twin."""
    jobs: dict[tuple[str, str], JobRun] = field(default_factory=dict)
    fleets: dict[str, Fleet] = field(default_factory=dict)
    """The fleet that serves, by endpoint name."""
    threads: weakref.WeakSet[threading.Thread] = field(default_factory=weakref.WeakSet)
    closing: threading.Event = field(default_factory=threading.Event)
    capacity: threading.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.capacity = threading.Semaphore(self.options.capacity)

    @classmethod
    def open(cls, folder: Path, options: Options) -> Twin:
        folder.mkdir(parents=True, exist_ok=True)
        locks = Locks()
        trail = Trail(folder / "trail.jsonl", Place(options.account, options.region))
        return cls(
            options=options,
            folder=folder,
            store=Store(folder / "sagemaker.db"),
            effects=Effects(folder / "effects.jsonl"),
            locks=locks,
            storage=Storage(options.account, locks, trail),
            logs=Logs(options.account, options.region, locks),
            metrics=Metrics(options.account, options.region, locks),
            trail=trail,
            traces=Traces(folder / "traces.db"),
        )

    def in_background(self, work: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True, name=name)
        self.threads.add(thread)
        thread.start()
        return thread

    def join(self, timeout_s: float) -> None:
        """Wait for whatever is still at work; `closing` must be set."""
        deadline = time.monotonic() + timeout_s
        for thread in list(self.threads):
            thread.join(max(0.0, deadline - time.monotonic()))
