"""One unpacked `model.tar.gz`: proved whole by its manifest, then features and network, ready to predict."""

from __future__ import annotations

import hashlib
import json
import math
import re
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from workloads.serving import media, replies
from workloads.serving.answers import CSV, JSON, Answer, Refusal, bad_request
from workloads.serving.bodies import Reader
from workloads.serving.hub import Request
from workloads.serving.limits import Limits
from workloads.tabular.features import FeaturePlan

NEEDED = ("model.onnx", "features.json")
FAR_OUT = 1e6
"""A scaled input beyond this is the sender's mistake where the output is no number; within it, the model's."""


class ModelRefused(Exception):
    """The model folder is not what was packaged; the server must not start. The message says which file and why."""


class Model:
    """A loaded tabular model; `answer` is all that a request needs.

    Raises ModelRefused where the folder does not hold what its manifest says.
    """

    def __init__(self, folder: Path, version: str = ""):
        documents = verify(folder)
        self.plan = FeaturePlan.loads(documents["features.json"])
        self.version = header_safe(version or version_of(documents))
        self.openapi = documents.get("openapi.json")
        self.reader = Reader(self.plan)
        self._reply = replies.replier(self.plan.task, self.plan.classes)
        self._session = _session(documents["model.onnx"])
        self._input = self._session.get_inputs()[0].name
        self._outputs = list(replies.OUTPUTS[self.plan.task])
        shapes = {output.name: output.shape for output in self._session.get_outputs()}
        if absent := set(self._outputs) - set(shapes):
            raise ModelRefused(f"model.onnx has no output {', '.join(sorted(absent))}; package the model again")
        width, classes = shapes[self._outputs[-1]][-1], len(self.plan.classes)
        if self.plan.task == "classification" and isinstance(width, int) and width != classes:
            raise ModelRefused(f"model.onnx knows {width} classes, features.json names {classes}; package it again")

    def warm_up(self) -> None:
        """Predict one typical row, so that the first request is as fast as any. Raises Refusal if it cannot."""
        self.predict([list(self.plan.example_row().values())])

    def answer(self, request: Request) -> Answer:
        """Predictions for the rows of a body. Raises Refusal."""
        headers = request.headers
        gives_csv = media.is_csv(headers.get(b"content-type", b"application/json"))
        wants_csv = media.wants_csv(headers.get(b"accept", b""))
        predictions = self.predict_csv(request.body) if gives_csv else self.predict_json(request.body)
        if wants_csv:
            return Answer(200, CSV, replies.as_csv(predictions))
        return Answer(200, JSON, replies.as_json(predictions, self.version))

    def limits(self, given: Limits) -> Limits:
        return given

    def check(self) -> None:
        """A model of rows that could be loaded stays able to predict."""

    def metrics(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        """Nothing runs beside the requests."""

    def predict(self, rows: Any) -> list[dict[str, Any]]:
        """Rows in raw units and in the plan's order to one prediction each.

        Raises:
            Refusal: 400 for a value that does not fit, 500 where the model's answer is no number.
        """
        matrix = self.reader.encode(rows)
        outputs = self._session.run(self._outputs, {self._input: matrix})
        numbers = outputs[-1]
        # The sum of float32 in double precision is finite exactly where all of them are; quicker than asking each.
        if len(numbers) != len(matrix) or not math.isfinite(sum(numbers.ravel().tolist())):
            raise self._no_number(matrix, numbers)
        return self._reply(*outputs)

    def predict_json(self, body: bytes) -> list[dict[str, Any]]:
        return self.predict(self.reader.read_json(body))

    def predict_csv(self, body: bytes) -> list[dict[str, Any]]:
        return self.predict(self.reader.read_csv(body))

    def _no_number(self, matrix: np.ndarray, numbers: np.ndarray) -> Refusal:
        """Never an empty answer, never a NaN that a caller takes for a prediction."""
        if len(numbers) == len(matrix):
            row = int(np.argmin(np.isfinite(numbers.reshape(len(matrix), -1)).all(axis=1)))
            size = np.nan_to_num(np.abs(matrix[row]), nan=np.inf, posinf=np.inf)
            if size.max() > FAR_OUT:
                name = self.plan.outputs[int(size.argmax())]
                return bad_request(
                    "value_out_of_range",
                    f"row {row + 1}: {name} is so far from the training data that the model gives no number",
                    "Check the unit of the value.",
                )
        return Refusal(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "no_prediction",
            "the model's output is no finite number",
            "Fall back to your own rule for these rows, and report the model version.",
        )


def verify(folder: Path) -> dict[str, bytes]:
    """Contents of the files that serving needs, after every file of the manifest was found unchanged.

    The bytes that were hashed are the bytes that are used: nothing is opened a second time.

    Raises:
        ModelRefused: no manifest, or a file is missing, changed, or outside the folder.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        files = manifest["files"].items()
    except FileNotFoundError as missing:
        raise ModelRefused(f"{folder} holds no manifest.json: it is not a packaged model") from missing
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise ModelRefused(f"manifest.json in {folder} cannot be read: {broken!r}") from broken
    contents = {}
    for name, entry in files:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ModelRefused(f"manifest.json names {name!r}, which lies outside the model")
        try:
            content = (folder / name).read_bytes()
        except OSError as unreadable:
            raise ModelRefused(f"{name} is named by the manifest and cannot be read: {unreadable}") from unreadable
        expected = entry["sha256"] if isinstance(entry, dict) else entry
        if (found := hashlib.sha256(content).hexdigest()) != expected:
            raise ModelRefused(f"{name} was changed after packaging: sha256 {found}, the manifest says {expected}")
        if "/" not in name or name.startswith("members/"):
            contents[name] = content
    for name in NEEDED:
        if name not in contents:
            raise ModelRefused(f"{name} is not named by the manifest; package the model again")
    return contents


def task_of(folder: Path) -> str:
    """What the model does, before it is proved whole; empty where that cannot be told, and `verify` will say why."""
    try:
        return str(json.loads((folder / "features.json").read_bytes())["task"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def header_safe(text: str) -> str:
    """`text` without what could end a header line or a quoted label."""
    return re.sub(r"[^A-Za-z0-9._+-]", "", text)[:100]


def version_of(documents: dict[str, bytes]) -> str:
    """The version that signature.json names."""
    try:
        return str(json.loads(documents["signature.json"])["version"])
    except (KeyError, ValueError, TypeError):
        return "unknown"


def _session(network: bytes) -> Any:
    """An onnxruntime session with one thread: a row costs microseconds, handing it over would cost more."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as invalid:  # onnxruntime's own classes share no base
        raise ModelRefused(f"model.onnx cannot be loaded: {invalid}") from invalid
