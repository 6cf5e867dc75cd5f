"""Our inference server against uvicorn raw ASGI and FastAPI with pydantic, same model, closed loop.

CPU per request is the figure to read: it holds on a busy machine, where requests per second do not.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import interleaved
from benchmarks.load import Load, burst
from benchmarks.outcome import Outcome, Ratio, Row
from workloads import datasets
from workloads.tabular import algorithms
from workloads.tabular.features import Column, FeaturePlan
from workloads.tabular.lesson import Lesson

ROOT = Path(__file__).parents[1]
OURS, ASGI, FASTAPI = "ours", "uvicorn raw ASGI", "FastAPI pydantic"
CONNECTIONS = (1, 32)
FEATURES = 20


def measure(tiny: bool = False) -> Outcome:
    rounds, seconds, trees = (1, 0.05, 2) if tiny else (interleaved.ROUNDS, 0.5, 100)
    cpu: dict[tuple[str, int], list[float]] = {}
    loads: dict[tuple[str, int], list[Load]] = {}
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        body = write_model(Path(scratch) / "model", trees)
        servers = {name: stack.enter_context(started(name, Path(scratch))) for name in (OURS, ASGI, FASTAPI)}
        for count in CONNECTIONS:
            for _ in range(rounds):
                for name, (process, port) in servers.items():
                    before = cpu_s(process.pid)
                    load = burst(port, body, count, seconds)
                    spent = cpu_s(process.pid) - before
                    cpu.setdefault((name, count), []).append(spent / load.requests)
                    loads.setdefault((name, count), []).append(load)
        memory = {name: memory_mb(process.pid) for name, (process, _) in servers.items()}
    rows = [row for key, times in cpu.items() for row in _rows(*key, times, loads[key])]
    rows += [Row(f"{name}, memory", megabytes, "MB") for name, megabytes in memory.items()]
    note = f"Random Forest of {trees} trees on the breast-cancer data, one row of {FEATURES} values a request."
    packages = ("uvloop", "httptools", "uvicorn", "fastapi", "pydantic", "onnxruntime", "orjson")
    return Outcome("serving", rows, _ratios(cpu), packages=packages, notes=[note])


def _rows(name: str, count: int, cpu: list[float], loads: list[Load]) -> list[Row]:
    what = f"{name}, {count} connection{'s' * (count > 1)}"
    rows = [
        Row(f"{what}, CPU per request", median(cpu) * 1e6, "µs"),
        Row(f"{what}, requests", median(load.requests / load.seconds for load in loads), "1/s"),
    ]
    return rows + [
        Row(f"{what}, P{percent}", median(load.percentile_ms(percent) for load in loads), "ms")
        for percent in (50, 95, 99)
    ]


def _ratios(cpu: dict[tuple[str, int], list[float]]) -> list[Ratio]:
    ratios = []
    for count in CONNECTIONS:
        busy = count > 1  # at one connection the wake-ups of the operating system hide the rest
        for name, aim in ((ASGI, ">= 1.3"), (FASTAPI, ">= 12")):
            what = f"CPU, {name} over ours, {count} connection{'s' * busy}"
            ratios.append(interleaved.ratio(what, cpu[name, count], cpu[OURS, count], aim if busy else ""))
    ours = [seconds * 1e6 for seconds in cpu[OURS, 32]]
    what = "µs CPU per request of ours, 32 connections"
    return [*ratios, Ratio(what, median(ours), min(ours), max(ours), len(ours), "<= 25")]


def write_model(folder: Path, trees: int) -> bytes:
    """A packaged forest in `folder`; returns the body of a request for one row."""
    table = datasets.load("breast_cancer")
    columns, raw = table.columns[:FEATURES], table.features[:, :FEATURES]
    features = raw.astype(np.float32)
    target = np.array([table.classes.index(word) for word in table.target])
    lesson = Lesson("classification", features, target, features, target, 2)
    with contextlib.redirect_stdout(io.StringIO()):  # a job's progress lines
        fitted = algorithms.find("random_forest", "classification")(lesson, {"n_estimators": trees, "max_depth": 10})
    plan = FeaturePlan(
        columns=tuple(Column(name, "number", fill=0.0, example=value)
                      for name, value in zip(columns, raw[0].tolist(), strict=True)),
        outputs=tuple(columns), offset=(0.0,) * FEATURES, scale=(1.0,) * FEATURES, task="classification",
        target="diagnosis", classes=tuple(table.classes),
    )  # fmt: skip
    files = {"model.onnx": fitted.onnx, "features.json": json.dumps(plan.to_json()).encode()}
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    (folder / "manifest.json").write_text(json.dumps({"files": hashes}))
    return json.dumps({"instances": [list(plan.example_row().values())]}).encode()


@contextlib.contextmanager
def started(name: str, base: Path, environment: Mapping[str, str] | None = None
            ) -> Iterator[tuple[subprocess.Popen[str], int]]:  # fmt: skip
    """(process, port) of ours, or of a peer by its name here or in `serving_peers`; ended at the end."""
    peer = None if name == OURS else {ASGI: "raw_asgi", FASTAPI: "fastapi"}.get(name, name)
    command = ["-m", "benchmarks.serving_peers", peer, str(base / "model")] if peer else ["-m", "workloads", "serve"]
    variables = os.environ | {"SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_HOST": "127.0.0.1",
                              "SAGEMAKER_BIND_TO_PORT": "0"} | dict(environment or {})  # fmt: skip
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=variables, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = []
        port = 0
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                port = int(found[1])
            if port and (peer or "Serving version" in line):
                break
        else:
            raise RuntimeError(f"{name} did not start: {''.join(said)}")
        yield process, port
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stderr.close()


def cpu_s(pid: int) -> float:
    """CPU seconds of all threads of a process, to the nanosecond."""
    time.sleep(0.005)  # the scheduler books a running slice at its end
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]
