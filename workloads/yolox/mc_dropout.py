"""A served network once more, with features that can be left out: Monte Carlo dropout without training anew.

YOLOX has no dropout. Leaving out features of a trained network at inference still shows where its answer hangs on
few of them. Here that is whole channels of what the head's last convolutions see: neighbouring pixels of a channel
say the same, so that single ones would hardly be missed.

Sources: Gal and Ghahramani, "Dropout as a Bayesian approximation", ICML 2016; Tompson et al., "Efficient object
localization using convolutional networks", CVPR 2015 (channels); Ledda, Fumera and Roli, "Dropout injection at test
time for post hoc uncertainty quantification in neural networks", Information Sciences 645, 2023 (without training).
"""

from __future__ import annotations

import re
from typing import Any

from workloads.contract import UserError

INPUT, MASK, OUTPUT = "images", "mask_", "predictions"
_PREDICTION = re.compile(r"^head\.(cls|reg|obj)_preds\.\d+\.conv$")
"""Names of the last convolutions, as workloads/yolox/graph.py writes them."""


def with_dropout(network: bytes) -> bytes:
    """A graph that answers one image many times over, each time with other features.

    The masks are inputs, so that a seed gives the same answer everywhere. The layers before them are computed once
    for all samples: ten samples of Nano at 416 take less than two predictions. Masks of ones give the network itself.

    Args:
        network: ONNX, `images` (n, 3, H, W) to `predictions` (n, cells, 5 + C), in float32.

    Returns:
        ONNX: `images` (1, 3, H, W) and, for each feature map before the last convolutions, `mask_K` (m, channels, 1,
        1) float32, 0 where a channel is left out and 1 / (1 - share) else, to `predictions` (m, cells, 5 + C).

    Raises:
        UserError: the graph has no such convolutions, or is quantised.
    """
    import onnx

    model = onnx.load_from_string(network)
    graph = model.graph
    channels = {one.name: one.dims[1] for one in graph.initializer if len(one.dims) == 4}
    last = [node for node in graph.node if node.op_type == "Conv" and _PREDICTION.match(node.name)]
    if not last or any(node.input[1] not in channels for node in last):
        raise UserError("the network has no head.*_preds convolutions with plain weights; make the dropout graph of "
                        "the float32 export, before it is quantised")  # fmt: skip
    masks: dict[str, str] = {}
    for node in last:
        features = node.input[0]
        if features not in masks:
            masks[features] = _masked(graph, features, len(masks), channels[node.input[1]])
        node.input[0] = masks[features]
    _rename_rows(graph)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _masked(graph: Any, features: str, number: int, channels: int) -> str:
    """The name of `features` times a new mask input; the product stands right behind what makes them."""
    from onnx import TensorProto, helper

    mask, product = f"{MASK}{number}", f"{features}.masked"
    graph.input.append(helper.make_tensor_value_info(mask, TensorProto.FLOAT, ["m", channels, 1, 1]))
    makers = [place for place, node in enumerate(graph.node) if features in node.output]
    graph.node.insert(makers[0] + 1, helper.make_node("Mul", [features, mask], [product], product))
    return product


def _rename_rows(graph: Any) -> None:
    """One image goes in, m answers come out."""
    for value, rows in ((graph.input[0], 1), (graph.output[0], "m")):
        first = value.type.tensor_type.shape.dim[0]
        first.Clear()
        if isinstance(rows, int):
            first.dim_value = rows
        else:
            first.dim_param = rows
    del graph.value_info[:]  # shapes of the values between are no longer those of the export
