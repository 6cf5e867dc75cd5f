"""Bind, load, answer, drain: the life of one inference server (`python -m workloads serve`).

| variable | default | meaning |
|---|---|---|
| `SAGEMAKER_BIND_TO_PORT`, `SAGEMAKER_BIND_TO_HOST` | 8080, 0.0.0.0 | address; port 0 takes a free one and logs it |
| `SAGEMAKER_BASE_DIR` | /opt/ml | the model lies in `model/` below it |
| `MLOPS_MODEL_VERSION`, `MLOPS_RUN_KEY` | from the archive, `local` | told in `X-Model-Version`, and in the log |
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mlops.telemetry import lines
from workloads import following
from workloads.serving.answers import Refusal
from workloads.serving.connection import Connection, Hub
from workloads.serving.limits import Limits
from workloads.serving.model import Model, ModelRefused, task_of
from workloads.serving.routes import Predictor, Routes

log = logging.getLogger("workloads.serving")


Load = Callable[[Path, str, Limits], Predictor]


def load_model(folder: Path, version: str, limits: Limits) -> Predictor:
    """The model in `folder`, of whatever kind, after it has predicted something. Raises ModelRefused."""
    if task_of(folder) == "object_detection":
        from workloads.serving.detector import Detector  # brings OpenCV, which rows do not need

        detector = Detector(folder, version, limits, os.environ)
        detector.warm_up()
        return detector
    model = Model(folder, version)
    try:
        model.warm_up()
    except Refusal as refusal:
        raise ModelRefused(f"the model cannot predict a typical row: {refusal.message}") from refusal
    return model


class Server:
    """One listening socket and the model behind it. While the model loads, requests are answered 503."""

    def __init__(self, model_folder: Path, version: str = "", limits: Limits | None = None,
                 load: Load | None = None):  # fmt: skip
        """`load` makes the model of folder, version and limits; left out, `load_model` does."""
        self._folder, self._version = model_folder, version
        self._load = load or load_model
        self.limits = limits or Limits()
        self.routes = Routes()
        self.port = 0
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="batch")
        self._hub = Hub(self.routes, self.limits, self._executor)
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen on `host:port`. Raises OSError for a taken port."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: Connection(self._hub, loop), host, port, backlog=self.limits.connections
        )
        self.port = self._listener.sockets[0].getsockname()[1]
        self._sweeper = loop.create_task(self._sweep())

    async def load(self) -> None:
        """Load the model beside the running loop, prove it on a row, then answer with it. Raises ModelRefused."""
        model = await asyncio.get_running_loop().run_in_executor(self._executor, self._loaded)
        self._hub.name_version(model.version)
        self._hub.observe = following.observer(os.environ.get("MLOPS_RUN_KEY", "local"), model.version)
        self._hub.set_limits(model.limits(self.limits))
        self.routes.model = model

    def _loaded(self) -> Predictor:
        return self._load(self._folder, self._version, self.limits)

    async def stop(self) -> None:
        """Take no more connections, let requests in flight end within the limit, then close."""
        self._listener.close()
        self._hub.drain()
        until = time.monotonic() + self.limits.drain_s
        while self._hub.connections and time.monotonic() < until:
            await asyncio.sleep(0.01)
        for connection in list(self._hub.connections):
            connection.abort()
        if self._sweeper:
            self._sweeper.cancel()
        if self.routes.model:
            self.routes.model.close()
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(1.0, self.limits.request_s / 4))
            self._hub.sweep(loop.time())


async def serve(environment: Mapping[str, str]) -> int:
    """Serve until SIGTERM or SIGINT. 0 after a clean stop, 1 where the model was refused or the port is taken."""
    begun = time.perf_counter()
    folder = Path(environment.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model"
    host = environment.get("SAGEMAKER_BIND_TO_HOST", "0.0.0.0")  # noqa: S104  the container's only way in
    port = environment.get("SAGEMAKER_BIND_TO_PORT", "8080")
    server = Server(folder, environment.get("MLOPS_MODEL_VERSION", ""))
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    try:
        await server.start(host, int(port))
    except (OSError, ValueError) as taken:
        log.error("Cannot listen on %s:%s: %s", host, port, taken)
        return 1
    log.info("Listening on http://%s:%d", host, server.port)
    try:
        await server.load()
    except ModelRefused as refused:
        log.error("Refused to serve: %s", refused)
        await server.stop()
        return 1
    gc.collect()
    gc.freeze()  # what is loaded now stays: never walk it again while a request waits
    log.info("Serving version %s after %.3f s", server.routes.model and server.routes.model.version,
             time.perf_counter() - begun)  # fmt: skip
    await stopped.wait()
    log.info("Stopping")
    await server.stop()
    return 0


def main() -> int:
    import uvloop

    lines.configure(run_key=os.environ.get("MLOPS_RUN_KEY", "local"), phase="deploy")
    warnings.filterwarnings("ignore", message="overflow encountered", category=RuntimeWarning)  # told by the output
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(serve(os.environ))
    following.flush()
    return leave(code)


def leave(code: int) -> int:
    """The exit code; where a call of a network hangs, the process ends here: Python's own end would abort in it."""
    if any(thread.daemon for thread in threading.enumerate()):
        logging.shutdown()
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
