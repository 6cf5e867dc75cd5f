"""A network as ONNX, with the decoding inside, and the proof that it answers alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from workloads.contract import UserError
from workloads.yolox.decoding import cell_grid
from workloads.yolox.graph import GraphWriter
from workloads.yolox.network import YOLOX
from workloads.yolox.variants import cells, check_input_size

OPSET, IR_VERSION = 17, 8
"""Old enough for every runtime in use, TensorRT 8 among them."""
INPUT, OUTPUT = "images", "predictions"
PARITY_LIMIT = 1e-3
"""Largest difference between ONNX and torch as a share of the value, or of 1 where that is more: a tenth of a pixel
on a box of a hundred."""


def to_onnx(model: YOLOX, input_size: tuple[int, int]) -> bytes:
    """The model as it acts in inference, whatever mode it is in now; batch norms are fused away.

    Args:
        input_size: height, width of the images, pixels; fixed in the graph. The number of images stays free.

    Returns:
        ONNX: `images` (n, 3, height, width) float32, BGR, 0 to 255, letterboxed, to `predictions`
        (n, cells, 5 + classes) float32: centre x, centre y, width, height in input pixels, objectness, class scores.

    Raises:
        UserError: the size is no multiple of 32.
    """
    import onnx
    from onnx import TensorProto, helper

    height, width = check_input_size(input_size)
    writer = GraphWriter()
    with torch.no_grad():
        raw = writer.raw_answers(model, INPUT)
        writer.decoded(raw, *cell_grid((height, width)), model.classes)
    writer.nodes[-1].output[0] = OUTPUT
    images = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", 3, height, width])
    predictions = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", cells(input_size), 5 + model.classes])
    graph = helper.make_graph(writer.nodes, model.variant.name, [images], [predictions], writer.weights)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                              producer_name="workloads.yolox")  # fmt: skip
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def check_parity(model: YOLOX, exported: bytes, images: np.ndarray | None = None) -> dict[str, Any]:
    """How far the ONNX model is from the network, both as they act in inference.

    Args:
        images: (n, 3, height, width) float32 as the network wants them; two images of noise if none are given.

    Raises:
        UserError: the network predicts NaN or infinity: training diverged, or had hardly begun.
        ArithmeticError: the two differ by more than PARITY_LIMIT.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
    if images is None:
        size = session.get_inputs()[0].shape[2:]
        images = np.random.default_rng(0).uniform(0, 255, (2, 3, *size)).astype(np.float32)
    expected = _predict(model, images)
    if not np.isfinite(expected).all():
        raise UserError(
            "hyperparameters: the model predicts no numbers; either training diverged: lower learning_rate; or it took "
            "too few steps for the statistics of its norms to settle: raise epochs, or train on more frames"
        )
    (found,) = session.run([OUTPUT], {INPUT: images})
    difference = np.abs(found - expected)
    worst = float((difference / np.maximum(np.abs(expected), 1)).max())
    if not worst <= PARITY_LIMIT:
        raise ArithmeticError(f"ONNX differs from the network by {worst:.3g} of the value; limit {PARITY_LIMIT:g}")
    return {"max_abs_diff": worst, "max_box_diff_pixels": float(difference[..., :4].max()),
            "max_score_diff": float(difference[..., 4:].max()), "rows": len(images), "limit": PARITY_LIMIT}  # fmt: skip


def _predict(model: YOLOX, images: np.ndarray) -> np.ndarray:
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return model(torch.from_numpy(images).to(device)).cpu().numpy()
    finally:
        model.train(was_training)
