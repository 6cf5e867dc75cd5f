"""A detector behind our server, from JPEG to JSON, against the same steps without a server and behind FastAPI.

CPU per request is the figure to read: it holds on a busy machine, where requests per second do not.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from benchmarks import interleaved
from benchmarks.detector import CLASSES, network, picture
from benchmarks.load import Load, burst
from benchmarks.outcome import Outcome, Ratio, Row
from benchmarks.serving import FASTAPI, OURS, cpu_s, memory_mb, started
from workloads.detection.detections import Detections
from workloads.detection.scoring import OnnxDetector
from workloads.images.codec import decode, encode_jpeg

SCORE = 0.3
CONNECTIONS = (1, 4)
DECODED, ALONE = "decode and session, no server", "session alone, no server"


def measure(tiny: bool = False) -> Outcome:
    cv2.setNumThreads(1)
    rounds, seconds, input_size = (1, 0.05, (64, 64)) if tiny else (interleaved.ROUNDS, 2.0, (416, 416))
    cpu: dict[tuple[str, int], list[float]] = {}
    loads: dict[tuple[str, int], list[Load]] = {}
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        base, jpeg = Path(scratch), encode_jpeg(picture())
        content = write_detector(base / "model", input_size)
        detector = OnnxDetector(content, threads=1)
        one_thread = {"MLOPS_SERVING_THREADS": "1", "OMP_NUM_THREADS": "1"}
        servers = {
            OURS: stack.enter_context(started(OURS, base, one_thread)),
            FASTAPI: stack.enter_context(started("fastapi_detector", base, one_thread)),
        }
        for _, port in servers.values():
            _check_equal(port, jpeg, detector)
        tensor, _ = detector.fill([decode(jpeg)])
        floors = {
            DECODED: lambda: detector.predict([decode(jpeg)], score_limit=SCORE),
            ALONE: lambda: detector.run(tensor),
        }
        floor: dict[str, list[float]] = {name: [] for name in floors}
        for _ in range(rounds):
            for name, action in floors.items():
                floor[name].append(interleaved.cpu_seconds(action, 0.0 if tiny else 0.3))
            for count in CONNECTIONS:
                for name, (process, port) in servers.items():
                    before = cpu_s(process.pid)
                    load = burst(port, jpeg, count, seconds, b"image/jpeg")
                    cpu.setdefault((name, count), []).append((cpu_s(process.pid) - before) / load.requests)
                    loads.setdefault((name, count), []).append(load)
        memory = {name: memory_mb(process.pid) for name, (process, _) in servers.items()}
    rows = [Row(f"{name}, CPU per image", median(times) * 1e3, "ms") for name, times in floor.items()]
    rows += [row for key, times in cpu.items() for row in _rows(*key, times, loads[key])]
    rows += [Row(f"{name}, memory", megabytes, "MB") for name, megabytes in memory.items()]
    notes = [
        f"YOLOX Nano, {input_size[0]} x {input_size[1]}, one thread a call; its answer is replaced by that of a full "
        f"road (benchmarks/detector.py). One JPEG of {len(jpeg) / 1e3:.0f} kB a request.",
        "FastAPI: raw body, the same decode, letterbox, session and suppression in its thread pool, a pydantic reply.",
    ]
    packages = ("uvloop", "httptools", "uvicorn", "fastapi", "pydantic", "onnxruntime", "orjson")
    return Outcome("detector_serving", rows, _ratios(cpu, floor), packages=packages, notes=notes)


def _rows(name: str, count: int, cpu: list[float], loads: list[Load]) -> list[Row]:
    what = f"{name}, {count} connection{'s' * (count > 1)}"
    return [
        Row(f"{what}, CPU per request", median(cpu) * 1e3, "ms"),
        Row(f"{what}, requests", median(load.requests / load.seconds for load in loads), "1/s"),
        *(Row(f"{what}, P{percent}", median(load.percentile_ms(percent) for load in loads), "ms")
          for percent in (50, 95)),
    ]  # fmt: skip


def _ratios(cpu: dict[tuple[str, int], list[float]], floor: dict[str, list[float]]) -> list[Ratio]:
    ratios = []
    for count in CONNECTIONS:
        ours, text = cpu[OURS, count], f"{count} connection{'s' * (count > 1)}"
        ratios += [
            interleaved.ratio(f"CPU, ours over decode and session, {text}", ours, floor[DECODED], "<= 1.15"),
            interleaved.ratio(f"CPU, ours over the session alone, {text}", ours, floor[ALONE]),
            interleaved.ratio(f"CPU, FastAPI over ours, {text}", cpu[FASTAPI, count], ours),
        ]
    return ratios


def write_detector(folder: Path, input_size: tuple[int, int]) -> bytes:
    """A packaged detector in `folder`; returns its network."""
    content, _ = network(input_size)
    recipe = {"task": "object_detection", "classes": list(CLASSES), "input_size": list(input_size)}
    files = {"model.onnx": content, "features.json": json.dumps(recipe).encode(),
             "serving.json": json.dumps({"score_threshold": SCORE}).encode()}  # fmt: skip
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    (folder / "manifest.json").write_text(json.dumps({"files": hashes}))
    return content


def _check_equal(port: int, jpeg: bytes, detector: OnnxDetector) -> None:
    """The same boxes from every server, before anything is timed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/invocations", jpeg, {"Content-Type": "image/jpeg"})
    answer: list[dict[str, Any]] = json.loads(connection.getresponse().read())["predictions"][0]["detections"]
    connection.close()
    (expected,) = detector.predict([decode(jpeg)], score_limit=SCORE)
    assert len(expected) >= 5
    np.testing.assert_allclose([one["box"] for one in answer], expected.boxes_xyxy, rtol=1e-5)
    np.testing.assert_allclose([one["score"] for one in answer], expected.scores, rtol=1e-5)


def fastapi_detector(folder: Path) -> Any:
    """The tutorial's way, for the peer process (benchmarks/serving_peers.py)."""
    import asyncio
    import threading

    from fastapi import FastAPI
    from fastapi import Request as Incoming
    from pydantic import BaseModel

    class Box(BaseModel):
        box: list[float]
        score: float
        name: str

    class Prediction(BaseModel):
        detections: list[Box]

    class Reply(BaseModel):
        predictions: list[Prediction]

    application, turn = FastAPI(), threading.Lock()
    detector = OnnxDetector((folder / "model.onnx").read_bytes(), threads=int(os.environ["OMP_NUM_THREADS"]))

    def predict(body: bytes) -> Detections:
        image = decode(body)
        with turn:
            return detector.predict([image], score_limit=SCORE)[0]

    async def invocations(request):  # type: ignore[no-untyped-def]
        found = await asyncio.to_thread(predict, await request.body())
        boxes = [
            Box(box=box, score=score, name=CLASSES[label])
            for box, score, label in zip(found.boxes_xyxy.tolist(), found.scores.tolist(), found.classes, strict=True)
        ]
        return Reply(predictions=[Prediction(detections=boxes)])

    invocations.__annotations__ = {"request": Incoming, "return": Reply}  # not text: they are local
    application.post("/invocations")(invocations)
    return application
