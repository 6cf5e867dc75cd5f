"""The network as ONNX nodes: followed by `torch.fx`, so that the forward pass is written down once.

Our own writer because torch's new exporter needs another package and its old one is deprecated and slow;
here nodes bear the names of their layers, and each batch norm is gone into its convolution.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from workloads.yolox.blocks import BaseConv, Focus
from workloads.yolox.network import YOLOX

LEAVES = (BaseConv, Focus, nn.Conv2d, nn.MaxPool2d, nn.Upsample)
"""What becomes nodes as a whole; everything else is looked into."""


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return isinstance(module, LEAVES)


class GraphWriter:
    """Collects nodes and weights. Every method takes and gives names of ONNX values."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def raw_answers(self, model: YOLOX, images: str) -> str:
        """The nodes from images to the head's raw answers (n, cells, 5 + classes)."""
        body = nn.Sequential(model.backbone, model.head)
        names = {module: name for name, module in model.named_modules()}
        values: dict[str, str] = {}
        for node in _Tracer().trace(body).nodes:
            arguments = fx.node.map_arg(node.args, lambda given: values[given.name])
            if node.op == "placeholder":
                values[node.name] = images
            elif node.op == "output":
                return str(arguments[0])
            elif node.op == "call_module":
                module = body.get_submodule(str(node.target))
                values[node.name] = self._module(names[module], module, arguments[0])
            else:
                values[node.name] = self._function(node, arguments)
        raise AssertionError("a trace ends with its output")

    def decoded(self, raw: str, corners: Tensor, strides: Tensor, classes: int) -> str:
        """`decoding.decode` of raw answers, all nodes below `decode/`: keep them in float32."""
        at, scale = self.weight("decode/corners", corners), self.weight("decode/strides", strides)
        parts = self.weight("decode/parts", torch.tensor([2, 2, 1 + classes]))
        outputs = [f"decode/{name}" for name in ("raw_centre", "raw_side", "logits")]
        self.node("Split", "decode/split", [raw, parts], outputs, axis=2)
        centre = self.node("Mul", "decode/centre", [self.node("Add", "decode/shift", [outputs[0], at]), scale])
        side = self.node("Mul", "decode/side", [self.node("Exp", "decode/exp", [outputs[1]]), scale])
        scores = self.node("Sigmoid", "decode/scores", [outputs[2]])
        return self.node("Concat", "decode/predictions", [centre, side, scores], axis=2)

    def node(self, kind: str, name: str, inputs: list[str], outputs: list[str] | None = None, **attributes: Any) -> str:
        """Append a node; its (first) output is named like it."""
        import onnx

        outputs = outputs or [name]
        self.nodes.append(onnx.helper.make_node(kind, inputs, outputs, name, **attributes))
        return outputs[0]

    def weight(self, name: str, values: Tensor | np.ndarray) -> str:
        import onnx

        array = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
        self.weights.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _module(self, name: str, module: nn.Module, x: str) -> str:
        if isinstance(module, Focus):
            kernel, bias = fused(module.conv)
            return self._activated(f"{name}.conv", self._conv(f"{name}.conv", x, unfocused(kernel), bias, stride=2))
        if isinstance(module, BaseConv):
            conv = module.conv
            return self._activated(name, self._conv(name, x, *fused(module), conv.stride[0], conv.groups))
        if isinstance(module, nn.Conv2d):
            assert module.bias is not None
            return self._conv(name, x, module.weight, module.bias)
        if isinstance(module, nn.MaxPool2d):
            pool = f"{name}.{len(self.nodes)}"  # the same layer is applied several times
            return self.node("MaxPool", pool, [x], kernel_shape=[5, 5], pads=[2, 2, 2, 2])
        scales = self.weight(f"{name}.{len(self.nodes)}.scales", torch.tensor([1.0, 1.0, 2.0, 2.0]))
        return self.node("Resize", scales.removesuffix(".scales"), [x, "", scales], mode="nearest",
                         coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip

    def _conv(self, name: str, x: str, kernel: Tensor, bias: Tensor, stride: int = 1, groups: int = 1) -> str:
        size = kernel.shape[-1]
        # An odd kernel is centred; the stem's even one reaches as far as its 3x3 over squares of 2x2 did.
        pad = (size - 1) // 2
        inputs = [x, self.weight(f"{name}.weight", kernel), self.weight(f"{name}.bias", bias)]
        return self.node("Conv", f"{name}.conv", inputs, kernel_shape=[size, size], strides=[stride, stride],
                         pads=[pad] * 4, group=groups)  # fmt: skip

    def _activated(self, name: str, x: str) -> str:
        return self.node("Mul", f"{name}.silu", [x, self.node("Sigmoid", f"{name}.sigmoid", [x])])

    def _function(self, node: fx.Node, arguments: Any) -> str:
        target: str | Callable[..., Any] = node.target
        if target is operator.add:
            return self.node("Add", node.name, list(arguments))
        if target is torch.cat:
            axis = arguments[1] if len(arguments) > 1 else node.kwargs["dim"]
            return self.node("Concat", node.name, list(arguments[0]), axis=axis)
        if target == "flatten" and node.kwargs == {"start_dim": 2}:
            shape = self.weight(f"{node.name}.shape", torch.tensor([0, 0, -1]))
            return self.node("Reshape", node.name, [arguments[0], shape])
        if target == "transpose" and arguments[1:] == (1, 2):
            return self.node("Transpose", node.name, [arguments[0]], perm=[0, 2, 1])
        raise NotImplementedError(f"no ONNX is written for {node.format_node()}")


def fused(block: BaseConv) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a convolution that has its batch norm inside, as it acts in inference."""
    norm: Any = block.bn
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    kernel = block.conv.weight.double() * scale[:, None, None, None]
    bias = norm.bias.double() - norm.running_mean.double() * scale
    return kernel.float(), bias.float()


def unfocused(kernel: Tensor) -> Tensor:
    """(out, 12, 3, 3) over squares of 2x2 pixels as (out, 3, 6, 6) over the pixels: same sums, no slicing."""
    corners = kernel.unflatten(1, (2, 2, 3))  # column offset, row offset, colour: the order of `Focus`
    return corners.permute(0, 3, 4, 2, 5, 1).flatten(4, 5).flatten(2, 3)
