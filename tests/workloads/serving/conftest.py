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


def write_archive(folder: Path, plan: FeaturePlan | dict, network: bytes, **more: bytes) -> Path:
    """An unpacked model.tar.gz: files and the manifest of their hashes."""
    files = {
        "model.onnx": network,
        "features.json": json.dumps(plan if isinstance(plan, dict) else plan.to_json()).encode(),
        "openapi.json": b'{"openapi": "3.1.0"}',
        **more,
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
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


RECIPE = {"task": "object_detection", "classes": ["Car", "Cyclist"], "input_size": [64, 64]}
"""What `prepare` writes for the network of `spotter`."""


def spotter(size: int = 64, height: float = 1.0) -> bytes:
    """A detector whose answer can be told by eye: it finds the red square of a picture.

    Square and place are what the red above 200 covers: centre of mass, side = root of the area, `height` times as
    high. The score is 0.8, the class Car, or Cyclist where there is as much blue. Without red above 200 the score
    is 0. The score comes out of a convolution named as YOLOX's are, so that dropout finds it.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    column = np.arange(size, dtype=np.float32) + 0.5
    constants = {
        "threshold": np.float32([200]), "span": np.float32([55]), "tiny": np.float32([1e-6]), "one": np.float32([1]),
        "x": column.reshape(1, 1, 1, size), "y": column.reshape(1, 1, size, 1), "height": np.float32([height]),
        "head.obj_preds.0.weight": np.full((1, 4, 1, 1), 0.2, np.float32), "four": np.int64([1, 4, 1, 1]),
        "cell": np.int64([0, 1, -1]), "blue_at": np.int64([0]), "red_at": np.int64([2]), "space": np.int64([1, 2, 3]),
        "zeros": np.zeros((1, 1, 7), np.float32), "nought": np.float32([0]),
    }  # fmt: skip
    node = helper.make_node
    nodes = []
    for colour in ("blue", "red"):
        nodes += [
            node("Gather", ["images", f"{colour}_at"], [colour], axis=1),
            node("Sub", [colour, "threshold"], [f"{colour}_over"]), node("Relu", [f"{colour}_over"], [f"{colour}_raw"]),
            node("Div", [f"{colour}_raw", "span"], [f"{colour}_mass"]),
            node("ReduceSum", [f"{colour}_mass", "space"], [f"{colour}_area"]),
            node("ReduceMax", [f"{colour}_mass"], [f"{colour}_most"], axes=[1, 2, 3]),
        ]  # fmt: skip
    nodes += [
        node("Add", ["red_area", "tiny"], ["area"]),
        node("Sqrt", ["red_area"], ["w"]), node("Mul", ["w", "height"], ["h"]),
        node("Tile", ["red_most", "four"], ["features"]),
        node("Conv", ["features", "head.obj_preds.0.weight"], ["obj_raw"], "head.obj_preds.0.conv"),
        node("Min", ["obj_raw", "one"], ["obj"]), node("Sub", ["one", "blue_most"], ["car"]),
    ]  # fmt: skip
    for axis in ("x", "y"):
        nodes += [
            node("Mul", ["red_mass", axis], [f"{axis}_mass"]),
            node("ReduceSum", [f"{axis}_mass", "space"], [f"{axis}_sum"]),
            node("Div", [f"{axis}_sum", "area"], [f"c{axis}"]),
        ]  # fmt: skip
    parts = ["cx", "cy", "w", "h", "obj", "car", "blue_most"]
    nodes += [node("Reshape", [part, "cell"], [f"{part}_cell"]) for part in parts]
    nodes += [node("Mul", ["obj_cell", "nought"], ["nothing"])]
    nodes += [node("Add", [f"{part}_cell", "nothing"], [f"{part}_row"]) for part in parts]  # as many rows as the head
    nodes += [
        node("Mul", ["obj_cell", "zeros"], ["second"]),  # a further cell that holds nothing
        node("Concat", [f"{part}_row" for part in parts], ["first"], axis=2),
        node("Concat", ["first", "second"], ["predictions"], axis=1),
    ]
    graph = helper.make_graph(
        nodes, "spotter",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, size, size])],
        [helper.make_tensor_value_info("predictions", TensorProto.FLOAT, ["n", 2, 7])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def road(left=20, top=10, side=16, size=(96, 128), blue=False):
    """A dark BGR picture (height, width) with a red, or magenta, square."""
    image = np.full((*size, 3), 40, np.uint8)
    image[top : top + side, left : left + side] = (255 if blue else 0, 0, 255)
    return image


class StubSession:
    """A session whose network is a function of the images (n, 3, H, W)."""

    def __init__(self, answer, size=64, classes=2):
        self._answer = answer
        self._inputs = [SimpleNamespace(name="images", shape=["n", 3, size, size], type="tensor(float)")]
        self._outputs = [SimpleNamespace(name="predictions", shape=["n", 2, 5 + classes])]

    def get_inputs(self):
        return self._inputs

    def get_outputs(self):
        return self._outputs

    def run(self, outputs, feed, options=None):
        return [self._answer(feed["images"], options)]


@contextmanager
def running(folder: Path, limits: Limits | None = None, version: str = "1.2.3", load: bool = True, by=None):
    """A server in a thread of this process; yields it, with `port`, and stops it."""
    loop = uvloop.new_event_loop()
    server = Server(folder, version, limits, by)
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
        trained=trained, archive=write_archive, to_onnx=to_onnx, numeric_plan=numeric_plan, running=running,
        spotter=spotter, road=road, stub=StubSession, recipe=RECIPE,
    )  # fmt: skip


@pytest.fixture(scope="session")
def spotting(tmp_path_factory):
    """The folder of a packaged `spotter`, dropout included."""
    from workloads.yolox.mc_dropout import with_dropout

    network = spotter()
    more = {"model_mc.onnx": with_dropout(network), "signature.json": b'{"version": "2.0.0"}'}
    return write_archive(tmp_path_factory.mktemp("spotter") / "model", RECIPE, network, **more)


@pytest.fixture(scope="session")
def eye(spotting):
    """A server of the `spotter`."""
    with running(spotting) as one:
        yield one
