"""Detectors whose answers are known: the shade of the picture chooses them from a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest


@pytest.fixture
def coloured() -> Callable[..., np.ndarray]:
    """A picture whose shade is `number`: what a network of `make_network` answers for it is row `number`."""
    return lambda number, size=(64, 64): np.full((*size, 3), number, np.uint8)


@pytest.fixture
def make_network() -> Callable[..., bytes]:
    return network_of


def network_of(answers: Sequence[Sequence[Sequence[float]]], *, classes: int, input_size: tuple[int, int] = (64, 64)
               ) -> bytes:  # fmt: skip
    """ONNX bytes with the signature of a detector.

    Args:
        answers: for each shade the predicted cells, [cx, cy, w, h, objectness, class scores] in input pixels.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    cells = max(1, max(len(rows) for rows in answers))
    table = np.zeros((len(answers), cells, 5 + classes), np.float32)
    for place, rows in enumerate(answers):
        if len(rows):
            table[place, : len(rows)] = rows
    height, width = input_size
    constants = {"table": table, "start": np.zeros(4, np.int64), "end": np.array([2**31, 1, 1, 1]),
                 "flat": np.array([-1])}  # fmt: skip
    nodes = [
        helper.make_node("Slice", ["images", "start", "end"], ["pixel"]),
        helper.make_node("Reshape", ["pixel", "flat"], ["shade"]),
        helper.make_node("Cast", ["shade"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "place"], ["predictions"], axis=0),
    ]
    graph = helper.make_graph(
        nodes, "known",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, height, width])],
        [helper.make_tensor_value_info("predictions", TensorProto.FLOAT, ["n", cells, 5 + classes])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString()
