"""ONNX answers as the network does, for any number of images."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tests.workloads.yolox import official
from workloads.contract import UserError
from workloads.yolox.export import check_parity, to_onnx
from workloads.yolox.network import build


@pytest.fixture(scope="module", params=["yolox-nano", "yolox-tiny"])
def settled(request):
    """A network whose statistics fit its weights, and that is still in training mode."""
    model = official.fill(build(request.param, 3))
    with torch.no_grad():
        model(next(official.examples(3)).images)
        for name, values in model.state_dict().items():
            if name.endswith("running_var"):
                values.mul_(1.4)
    return model


def test_onnx_answers_as_the_network_does_and_leaves_it_as_it_was(settled):
    before = {name: values.clone() for name, values in settled.state_dict().items()}
    parity = check_parity(settled, to_onnx(settled, (64, 96)), next(official.examples(3)).images.numpy())
    assert 0 < parity["max_abs_diff"] < 1e-4
    assert parity["rows"] == 3
    assert settled.training
    assert all(torch.equal(values, before[name]) for name, values in settled.state_dict().items())


def test_graph_has_the_promised_signature_and_no_batch_norm(settled):
    proto = onnx.load_from_string(to_onnx(settled, (64, 96)))
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [("images", "tensor(float)", ["n", 3, 64, 96])]
    assert [(o.name, o.shape) for o in session.get_outputs()] == [("predictions", ["n", 126, 8])]
    assert {node.op_type for node in proto.graph.node} <= {
        "Conv", "Sigmoid", "Mul", "Add", "Concat", "MaxPool", "Resize", "Reshape", "Transpose", "Split", "Exp"
    }  # fmt: skip
    for count in (1, 5):
        images = np.full((count, 3, 64, 96), 114, np.float32)
        assert session.run(None, {"images": images})[0].shape == (count, 126, 8)


def test_the_same_network_gives_the_same_bytes(settled):
    assert to_onnx(settled, (32, 32)) == to_onnx(settled, (32, 32))


def test_wrong_weights_in_onnx_are_noticed(settled):
    proto = onnx.load_from_string(to_onnx(settled, (64, 96)))
    bias = next(w for w in proto.graph.initializer if w.name == "head.obj_preds.0.bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + 0.5, bias.name))
    with pytest.raises(ArithmeticError, match=r"ONNX differs from the network by .* limit 0\.001"):
        check_parity(settled, proto.SerializeToString())


def test_diverged_network_is_the_requesters_to_mend():
    model = build("yolox-nano", 1)
    torch.nn.init.constant_(model.head.reg_preds[0].bias, torch.inf)
    with pytest.raises(UserError, match=r"predicts no numbers; .*lower learning_rate; .*raise epochs"):
        check_parity(model, to_onnx(model, (32, 32)))


def test_size_that_no_grid_fits_is_refused():
    with pytest.raises(UserError, match="input_size: width 100 given; YOLOX needs a positive multiple of 32"):
        to_onnx(build("yolox-nano", 1), (64, 100))
