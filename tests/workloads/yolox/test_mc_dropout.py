"""The network with features left out: itself where none are, another answer where some are."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from workloads.contract import UserError
from workloads.yolox.mc_dropout import with_dropout

SIZE = 64
IMAGE = np.random.default_rng(0).uniform(0, 255, (1, 3, SIZE, SIZE)).astype(np.float32)


@pytest.fixture(scope="module")
def plain():
    torch = pytest.importorskip("torch")
    from workloads.yolox import variants
    from workloads.yolox.export import to_onnx
    from workloads.yolox.network import YOLOX

    torch.manual_seed(0)
    return to_onnx(YOLOX(variants.find("yolox-nano"), 3), (SIZE, SIZE))


def opened(network):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def asked(session, masks):
    """Predictions with masks (m, channels, 1, 1) made by `masks(channels)`."""
    feed = {one.name: masks(one.shape[1]).astype(np.float32) for one in session.get_inputs()[1:]}
    return session.run(["predictions"], {"images": IMAGE} | feed)[0]


def test_masks_of_ones_give_the_network_itself(plain):
    sampled = asked(opened(with_dropout(plain)), lambda channels: np.ones((3, channels, 1, 1)))
    expected = opened(plain).run(None, {"images": IMAGE})[0]
    np.testing.assert_allclose(sampled, np.repeat(expected, 3, axis=0), rtol=1e-4, atol=1e-5)


def test_all_features_left_out_leave_the_biases(plain):
    """What the last convolutions add when they see nothing is the prior: objectness and scores of 0.01."""
    nothing = asked(opened(with_dropout(plain)), lambda channels: np.zeros((1, channels, 1, 1)))
    np.testing.assert_allclose(nothing[..., 4:], 0.01, atol=1e-4)


def test_each_sample_has_its_own_features_and_the_same_masks_the_same_answer(plain):
    session = opened(with_dropout(plain))
    masks = lambda channels: np.random.default_rng(1).random((4, channels, 1, 1)) > 0.5  # noqa: E731
    first = asked(session, masks)
    assert all(not np.array_equal(first[0], other) for other in first[1:])
    np.testing.assert_array_equal(first, asked(session, masks))


def test_there_is_one_mask_for_each_feature_map_of_the_head(plain):
    """Three levels, a branch for classes and one for boxes and objectness each."""
    names = [one.name for one in onnx.load_from_string(with_dropout(plain)).graph.input]
    assert names == ["images", *(f"mask_{number}" for number in range(6))]


def test_network_without_such_a_head_is_refused():
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("images", "predictions")]
    graph = helper.make_graph([helper.make_node("Relu", ["images"], ["predictions"])], "x", value[:1], value[1:])
    with pytest.raises(UserError, match=r"no head\.\*_preds convolutions"):
        with_dropout(helper.make_model(graph).SerializeToString())
