"""The server as a process: cold start, refusal to start, graceful end."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@contextmanager
def process(base, **environment):
    """`python -m workloads serve` on a free port; killed at the end whatever happens."""
    variables = os.environ | {
        "SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_HOST": "127.0.0.1", "SAGEMAKER_BIND_TO_PORT": "0",
        "MLOPS_MODEL_VERSION": "4.5.6", "MLOPS_RUN_KEY": "gh-1-2-abc",
    } | environment  # fmt: skip
    command = [sys.executable, "-m", "workloads", "serve"]
    child = subprocess.Popen(command, cwd=ROOT, env=variables, stderr=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait(10)
        child.stderr.close()


def lines_until(child, words):
    """Log lines up to the first that holds `words`; fails where the process ends before."""
    lines = []
    for text in child.stderr:
        lines.append(json.loads(text))
        if words in lines[-1]["message"]:
            return lines
    raise AssertionError(f"{words!r} was never said: {lines}")


@pytest.fixture
def base(wine, tmp_path):
    shutil.copytree(wine.folder, tmp_path / "model")
    return tmp_path


def test_process_serves_within_a_second_and_ends_gracefully(base, wine):
    begun = time.perf_counter()
    with process(base) as child:
        lines = lines_until(child, "Serving version")
        assert time.perf_counter() - begun < 5  # alone it takes 0.5 s; the machine may be shared
        assert {line["run_key"] for line in lines} == {"gh-1-2-abc"}
        port = int(re.search(r":(\d+)$", lines[0]["message"])[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", "/invocations", json.dumps(wine.rows[:1].tolist()))
        response = connection.getresponse()
        assert (response.status, response.headers["X-Model-Version"]) == (200, "4.5.6")
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
        connection.close()


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("workloads.serving.server", ("pandas", "sklearn", "torch", "scipy", "xgboost", "pydantic", "cv2")),
        ("workloads.serving.detector",
         ("pandas", "sklearn", "torch", "scipy", "xgboost", "pydantic", "matplotlib", "numba", "onnx", "PIL",
          "mlops.spec", "opentelemetry")),
    ],
)  # fmt: skip
def test_serving_loads_no_training_library(module, absent):
    """The cold start is below a second because of what is not imported; rows do not even need OpenCV."""
    code = (
        f"import sys, workloads.serving.server, {module}, uvloop, onnxruntime;"
        f"print([m for m in {absent} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_detector_process_serves_within_two_seconds_and_ends_gracefully(spotting, make, tmp_path):
    from workloads.images.codec import encode_png

    shutil.copytree(spotting, tmp_path / "model")
    begun = time.perf_counter()
    with process(tmp_path, MLOPS_SERVING_THREADS="1") as child:
        lines = lines_until(child, "Serving version")
        assert time.perf_counter() - begun < 6  # alone it takes 0.6 s; the machine may be shared
        port = int(re.search(r":(\d+)$", lines[0]["message"])[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", "/invocations", encode_png(make.road()), {"Content-Type": "image/png"})
        response = connection.getresponse()
        assert (response.status, response.headers["X-Model-Version"]) == (200, "4.5.6")
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
        connection.close()


def test_process_ends_well_though_a_thread_is_stuck():
    """Python would wait for it, or abort within it."""
    code = (
        "import threading; from workloads.serving.server import leave;"
        "threading.Thread(target=threading.Event().wait, daemon=True).start(); leave(3)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=30).returncode == 3


def test_changed_model_is_refused_with_a_clear_message(base):
    (base / "model" / "openapi.json").write_text("{}")
    with process(base) as child:
        last = lines_until(child, "Refused to serve")[-1]
        assert "openapi.json was changed after packaging" in last["message"]
        assert last["level"] == "error"
        assert child.wait(10) == 1


def test_taken_port_is_told(base):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with process(base, SAGEMAKER_BIND_TO_PORT=str(taken.getsockname()[1])) as child:
            assert "Cannot listen on 127.0.0.1:" in lines_until(child, "Cannot listen")[-1]["message"]
            assert child.wait(10) == 1


def test_request_in_flight_is_answered_before_the_end(wine, make):
    body = json.dumps(wine.rows[:1].tolist() * 20_000).encode()
    with (
        make.running(wine.folder) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as client,
    ):
        client.sendall(b"POST /invocations HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:-1])
        client.sendall(body[-1:])
        time.sleep(0.05)  # the body is now in a thread
        server.call(server.stop())
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.count(b'"label"') == 20_000
