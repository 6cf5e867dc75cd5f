"""Fewer bits, the same detector: what stays exact stays in float32."""

from __future__ import annotations

import logging

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tests.workloads.yolox import official
from workloads.contract import UserError
from workloads.yolox.export import to_onnx
from workloads.yolox.network import build
from workloads.yolox.precision import quantise_int8, to_float16

SIZE = (64, 96)


@pytest.fixture(scope="module")
def images():
    return next(official.examples(3)).images.numpy()


@pytest.fixture(scope="module")
def exported(images):
    model = official.fill(build("yolox-nano", 3))
    with torch.no_grad():
        model(torch.from_numpy(images))
        for name, values in model.state_dict().items():
            if name.endswith("running_var"):
                values.mul_(1.4)
    return to_onnx(model, SIZE)


@pytest.fixture(scope="module")
def integers(exported, images):
    return quantise_int8(exported, [images])


def predict(model, images):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options)
    assert session.get_inputs()[0].type == session.get_outputs()[0].type == "tensor(float)"
    return session.run(["predictions"], {"images": images})[0]


def test_half_precision_moves_boxes_by_less_than_a_hundredth(exported, images):
    half = to_float16(exported)
    assert len(half) < 0.55 * len(exported)
    exact, found = predict(exported, images), predict(half, images)
    np.testing.assert_allclose(found[..., :4], exact[..., :4], rtol=0.01, atol=0.05)
    np.testing.assert_allclose(found[..., 4:], exact[..., 4:], atol=0.005)
    assert (found[..., :2] != np.round(found[..., :2] * 16) / 16).any()  # no grid: float16 has one beyond x = 64


def test_half_precision_casts_twice_and_decodes_in_float32(exported):
    graph = onnx.load_from_string(to_float16(exported)).graph
    assert [node.name for node in graph.node if node.op_type == "Cast"] == ["to_float16", "to_float32"]
    single = {w.name for w in graph.initializer if w.data_type == onnx.TensorProto.FLOAT}
    assert {"decode/corners", "decode/strides"} < single
    assert not [name for name in single if name.startswith("head")]


def test_integers_answer_nearly_alike_in_less_than_half_of_the_bytes(exported, integers, images):
    assert len(integers) < 0.45 * len(exported)
    exact, found = predict(exported, images), predict(integers, images)
    assert np.abs(found[..., :2] - exact[..., :2]).mean() < 0.5
    assert np.abs(found[..., 4:] - exact[..., 4:]).mean() < 0.01
    assert np.abs(found - exact).max() > 0


def test_last_layers_and_decoding_stay_out_of_the_integers(integers):
    graph = onnx.load_from_string(integers).graph
    whole = {node.output[0]: node for node in graph.node}
    for node in graph.node:
        if node.op_type == "Conv":
            weight = node.input[1]
            assert ("_preds." in node.name) == (weight not in whole)  # from a DequantizeLinear, or as it was
        if node.name.startswith("decode/"):
            assert not [name for name in node.input if name in whole and whole[name].op_type == "DequantizeLinear"]


def test_weights_have_a_scale_per_channel(integers):
    graph = onnx.load_from_string(integers).graph
    scales = {w.name: tuple(w.dims) for w in graph.initializer}
    assert scales["head.stems.0.weight_scale"] == (64,)


def test_integers_around_zero_are_made_for_tensorrt(exported, images):
    graph = onnx.load_from_string(quantise_int8(exported, [images[:1]], symmetric=True)).graph
    points = [onnx.numpy_helper.to_array(w) for w in graph.initializer if w.name.endswith("_zero_point")]
    assert all((point == 0).all() and point.dtype in (np.int8, np.int32) for point in points)


def test_integers_without_images_are_refused(exported):
    with pytest.raises(UserError, match="int8 needs images"):
        quantise_int8(exported, [])
    assert logging.root.level != logging.ERROR


def test_foreign_graph_and_huge_weights_are_refused(exported):
    proto = onnx.load_from_string(exported)
    bias = next(w for w in proto.graph.initializer if w.name == "head.stems.0.bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(64, 1e6, np.float32), bias.name))
    with pytest.raises(ArithmeticError, match=r"head\.stems\.0\.bias reaches 1e\+06; float16 ends at 65504"):
        to_float16(proto.SerializeToString())
    for node in proto.graph.node:
        node.name = ""
    with pytest.raises(UserError, match="was not written by"):
        to_float16(proto.SerializeToString())


def test_graph_in_fewer_bits_is_not_lowered_again(exported, images):
    lowered = to_float16(exported), quantise_int8(exported, [images[:1]])
    for graph in lowered:
        with pytest.raises(UserError, match="in fewer bits already"):
            to_float16(graph)
        with pytest.raises(UserError, match="in fewer bits already"):
            quantise_int8(graph, [images[:1]])
