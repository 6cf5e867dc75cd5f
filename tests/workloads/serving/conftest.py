"""Real models in archives as `package` makes them, and servers on free ports."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import uvloop

from workloads import datasets
from workloads.serving.limits import Limits
from workloads.serving.server import Server
from workloads.tabular.features import Column, FeaturePlan


def numeric_plan(columns, features, task, classes=(), missing="median"):
    """A standard-scaling plan over number columns, as `prepare` would fit it."""
    offset, scale = features.mean(axis=0), features.std(axis=0)
    fills = np.median(features, axis=0)
    return FeaturePlan(
        columns=tuple(
            Column(name, "number", fill=float(fill), example=float(fill))
            for name, fill in zip(columns, fills, strict=True)
        ),
        outputs=tuple(columns),
        offset=tuple(offset.tolist()),
        scale=tuple(scale.tolist()),
        task=task,
        target="target",
        classes=tuple(classes),
        missing=missing,
        scaling="standard",
    )


def to_onnx(model, width):
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    return convert_sklearn(
        model, initial_types=[("features", FloatTensorType([None, width]))], options=options, target_opset=17
    ).SerializeToString()


def write_archive(folder: Path, plan: FeaturePlan, network: bytes, **more: bytes) -> Path:
    """An unpacked model.tar.gz: files and the manifest of their hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "model.onnx": network,
        "features.json": json.dumps(plan.to_json()).encode(),
        "openapi.json": b'{"openapi": "3.1.0"}',
        **more,
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    entries = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)} for name, content in files.items()
    }
    (folder / "manifest.json").write_text(json.dumps({"files": entries}))
    return folder


def trained(name, estimator, task):
    """(plan, onnx bytes, estimator, scaled features) of an estimator fitted on a bundled dataset."""
    table = datasets.load(name)
    plan = numeric_plan(table.columns, table.features, task, table.classes if task == "classification" else ())
    scaled = plan.apply(table.features)
    target = (
        [float(t) for t in table.target] if task == "regression" else [table.classes.index(t) for t in table.target]
    )
    estimator.fit(scaled, target)
    return plan, to_onnx(estimator, scaled.shape[1]), estimator, scaled


@pytest.fixture(scope="session")
def wine(tmp_path_factory):
    """A logistic regression on the wine data: its archive, plan, estimator and rows."""
    from sklearn.linear_model import LogisticRegression

    plan, network, estimator, scaled = trained("wine", LogisticRegression(max_iter=500), "classification")
    folder = write_archive(tmp_path_factory.mktemp("wine") / "model", plan, network)
    return SimpleNamespace(
        folder=folder, plan=plan, estimator=estimator, scaled=scaled, rows=datasets.load("wine").features
    )


@contextmanager
def running(folder: Path, limits: Limits | None = None, version: str = "1.2.3", load: bool = True):
    """A server in a thread of this process; yields it, with `port`, and stops it."""
    loop = uvloop.new_event_loop()
    server = Server(folder, version, limits)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

    call(server.start("127.0.0.1", 0))
    try:
        if load:
            call(server.load())
        server.call = call
        yield server
    finally:
        call(server.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


@pytest.fixture(scope="session")
def server(wine):
    with running(wine.folder) as one:
        yield one


@pytest.fixture(scope="session")
def ask():
    """A function (server, method, path, body, headers) -> (status, headers, body), on a connection of its own."""

    def call(server, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    return call


@pytest.fixture(scope="session")
def make():
    """The builders of this file, for tests that need a model of their own."""
    return SimpleNamespace(
        trained=trained, archive=write_archive, to_onnx=to_onnx, numeric_plan=numeric_plan, running=running
    )
