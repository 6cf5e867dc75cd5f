"""The same detector in fewer bits: half precision for GPUs, eight-bit integers for CPUs and TensorRT."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from workloads.contract import UserError

DECODING = "decode/"
"""Nodes whose name starts so turn raw answers into boxes: half precision knows x = 400 to a quarter of a pixel, eight
bits to two and a half, so they stay in float32."""
_LOWERED = ("QuantizeLinear", "DequantizeLinear")
EIGHT_BIT = ("Conv", "Sigmoid", "Mul", "Add", "Concat", "MaxPool", "Resize")
"""What computes in integers. Left out between two convolutions, each of these would cost a way to float and back."""


def to_float16(exported: bytes) -> bytes:
    """A model of `export.to_onnx` in float16 inside; images come and predictions go in float32, and it decodes in it.

    Meant for GPUs. CPUs without half-precision convolutions compute it in float32 anyway.

    onnxruntime's own converter rounds every value between two nodes it was told to keep in float32: boxes come out on
    a grid of half a pixel. Here one cast stands behind the images and one before the decoding.

    Raises:
        UserError: a graph of another origin, or one in fewer bits already.
        ArithmeticError: a weight exceeds what half precision can tell.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    proto = onnx.load_from_string(exported)
    graph = proto.graph
    images, raw = graph.input[0].name, _raw_answers(graph)
    kept = {name for node in graph.node if node.name.startswith(DECODING) or node.op_type == "Resize"
            for name in node.input}  # fmt: skip
    for weight in graph.initializer:
        if weight.data_type == TensorProto.FLOAT and weight.name not in kept:
            values = numpy_helper.to_array(weight)
            if np.abs(values).max() > np.finfo(np.float16).max:
                raise ArithmeticError(f"{weight.name} reaches {np.abs(values).max():g}; float16 ends at 65504")
            weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), weight.name))
    for node in graph.node:
        renamed = {raw: f"{raw}/float32"} if node.name.startswith(DECODING) else {images: f"{images}/float16"}
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
    decoding = next(place for place, node in enumerate(graph.node) if raw + "/float32" in node.input)
    graph.node.insert(decoding, helper.make_node("Cast", [raw], [raw + "/float32"], "to_float32", to=TensorProto.FLOAT))
    graph.node.insert(
        0, helper.make_node("Cast", [images], [images + "/float16"], "to_float16", to=TensorProto.FLOAT16)
    )
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString()


def quantise_int8(exported: bytes, calibration_images: Iterable[np.ndarray], *, symmetric: bool = False) -> bytes:
    """A model of `export.to_onnx` with eight-bit weights (per channel) and activations, whose ranges the images show.

    The head's last layers and the decoding stay in float32: the answers there span too much for 256 steps.

    Args:
        calibration_images: (n, 3, height, width) float32 batches as the model is fed, a hundred images or so of the
            training split; never of the frames that judge.
        symmetric: activations around 0, as TensorRT wants them; CPUs are more exact without.

    Raises:
        UserError: no image at all, a graph of another origin, or one in fewer bits already.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    proto = onnx.load_from_string(exported)
    _raw_answers(proto.graph)
    reader = _Reader(proto.graph.input[0].name, calibration_images)
    with tempfile.TemporaryDirectory() as scratch, _quiet():
        target = Path(scratch) / "int8.onnx"
        quantize_static(
            proto, target, reader, quant_format=QuantFormat.QDQ, per_channel=True, weight_type=QuantType.QInt8,
            activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8, op_types_to_quantize=list(EIGHT_BIT),
            nodes_to_exclude=_sensitive(proto.graph), calibrate_method=CalibrationMethod.MinMax,
            extra_options={"ActivationSymmetric": symmetric},
        )  # fmt: skip
        return target.read_bytes()


def precision_of(network: bytes) -> str:
    """fp32, fp16 or int8: in what the network of an ONNX file computes, whoever wrote it."""
    import onnx

    return _precision(onnx.load_from_string(network).graph)


def _precision(graph: Any) -> str:
    from onnx import TensorProto

    if any(node.op_type in _LOWERED for node in graph.node):
        return "int8"
    return "fp16" if any(weight.data_type == TensorProto.FLOAT16 for weight in graph.initializer) else "fp32"


def _raw_answers(graph: Any) -> str:
    """The name of what is decoded. Raises UserError where the graph is none of `export.to_onnx`."""
    if _precision(graph) != "fp32":
        raise UserError("the network is in fewer bits already; give the fp32 export of its training")
    for node in graph.node:
        if node.name.startswith(DECODING):
            return str(node.input[0])
    raise UserError(f"the graph has no nodes {DECODING}*: it was not written by workloads.yolox.export, and only "
                    "such a network can be lowered here")  # fmt: skip


def _sensitive(graph: Any) -> list[str]:
    """The head's last layers and all behind them."""
    nodes: list[str] = []
    values: set[str] = set()
    for node in graph.node:
        if "_preds." in node.name or not values.isdisjoint(node.input):
            nodes.append(node.name)
            values.update(node.output)
    return nodes


class _Reader:
    """Hands images to the calibration one by one, so that their activations fit into memory."""

    def __init__(self, name: str, batches: Iterable[np.ndarray]) -> None:
        self._name = name
        self._images: Iterator[np.ndarray] = (batch[i : i + 1] for batch in batches for i in range(len(batch)))
        self._first = next(self._images, None)
        if self._first is None:
            raise UserError("precision: int8 needs images to measure its ranges with; the training split has none")

    def get_next(self) -> dict[str, np.ndarray] | None:
        image, self._first = self._first, None
        if image is None:
            image = next(self._images, None)
        return None if image is None else {self._name: np.ascontiguousarray(image, np.float32)}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser warns through the root logger of a step that our graphs do not need."""
    before = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(before)
