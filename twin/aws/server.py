"""Start and stop the AWS half of the twin."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from twin.aws import admission, rollout
from twin.aws.admin import Admin
from twin.aws.capture import Capture
from twin.aws.cloud import Cloud
from twin.aws.front import Application
from twin.aws.functions import Functions
from twin.aws.invoke import Invoker
from twin.aws.listener import Listener
from twin.aws.options import Options
from twin.aws.processing import ProcessingRun
from twin.aws.repairs import mend_moto
from twin.aws.rotations import run_rotations
from twin.aws.training import TrainingRun
from twin.aws.twin import Twin
from twin.aws.workflows import run_executions

log = logging.getLogger(__name__)

_one = threading.Lock()
"""moto's state belongs to the process: one twin at a time."""


class AlreadyRunning(Exception):
    """Another twin serves from this process; stop it first."""


class StateInUse(Exception):
    """Another process keeps its state in the same folder."""


class Server:
    """A running twin. `url` is its endpoint; `stop()` saves everything and ends every child."""

    def __init__(self, listener: Listener, twin: Twin, at_end: list[Callable[[], None]]):
        self._listener = listener
        self._at_end = at_end
        self.twin = twin
        self.url = twin.url
        self.port: int = listener.server_address[1]
        self._stopped = False

    def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        self._listener.close()
        self.twin.closing.set()
        for act in self._at_end:
            act()
        _one.release()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    host: str = "127.0.0.1", port: int = 0, state_dir: str | Path = ".twin/aws", *,
    account: str = "123456789012", region: str = "us-east-1", options: Options | None = None,
) -> Server:  # fmt: skip
    """Serve AWS's wire protocols from `state_dir`, where an earlier twin may have left its state.

    `port` 0 takes a free one. `options` wins over `account` and `region`.
    Raises PortTaken, StateInUse, AlreadyRunning where this process has a twin already, ValueError for a host that is
    not local.
    """
    chosen = options or Options.from_environment(account=account, region=region)
    if host not in {"127.0.0.1", "localhost"}:
        raise ValueError(f"The twin has no passwords and runs commands: it listens on 127.0.0.1 only, not on {host}.")
    if not _one.acquire(blocking=False):
        raise AlreadyRunning("A twin runs in this process already; moto's state is one per process. Stop it first.")
    try:
        return _start(host, port, Path(state_dir).resolve(), chosen)
    except BaseException:
        _one.release()
        raise


def _start(host: str, port: int, folder: Path, options: Options) -> Server:
    os.environ["MOTO_ACCOUNT_ID"] = options.account
    mend_moto()
    claim = _claim(folder)
    twin = Twin.open(folder, options)
    capture = Capture(twin)
    cloud = Cloud(twin, folder)
    functions = Functions(twin)
    run_executions(twin)
    run_rotations(twin, functions)
    cloud.load()

    def flush() -> None:
        capture.flush()
        twin.metrics.flush()
        cloud.save()

    application = Application(twin, cloud, Invoker(twin, capture), Admin(twin, flush), functions)
    listener = Listener(host, port, application)
    twin.url = f"http://{host}:{listener.server_address[1]}"
    os.environ["MOTO_PORT"] = str(listener.server_address[1])
    shutil.rmtree(folder / "work", ignore_errors=True)  # What jobs of a killed twin left.
    for run in (TrainingRun, ProcessingRun):
        admission.fail_orphans(twin, run)
    rollout.resume(twin)
    listener.serve_in_thread()
    twin.in_background(lambda: rollout.keep_alive(twin), "keep-alive")
    twin.in_background(lambda: _repeat(twin, options.capture_flush_s, capture.flush), "capture")
    twin.in_background(lambda: _repeat(twin, 1.0, twin.metrics.flush), "metrics")
    twin.in_background(lambda: _repeat(twin, options.snapshot_s, cloud.save), "snapshots")
    twin.in_background(lambda: _repeat(twin, 0.2, cloud.replication.turn), "replication")
    at_end = [
        lambda: twin.children.stop(options.stop_grace_s), lambda: twin.join(5.0), twin.logs.close, flush,
        cloud.close, twin.store.close, twin.effects.close, twin.trail.close, twin.traces.close, claim.close,
    ]  # fmt: skip
    log.info("AWS twin at %s, state in %s", twin.url, folder)
    return Server(listener, twin, at_end)


def _claim(folder: Path) -> IO[str]:
    """Hold the folder until the file is closed, or the process ends in whatever way. Raises StateInUse."""
    folder.mkdir(parents=True, exist_ok=True)
    claim = (folder / "in-use").open("w")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as held:
        claim.close()
        raise StateInUse(f"Another twin keeps its state in {folder}; stop it, or choose another folder.") from held
    return claim


def _repeat(twin: Twin, every_s: float, act: Callable[[], None]) -> None:
    while not twin.closing.wait(every_s):
        try:
            act()
        except Exception:
            log.exception("%s failed; the next turn tries again", act.__qualname__)
