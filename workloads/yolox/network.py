"""YOLOX: CSPDarknet, PAFPN and the decoupled head, under the official layer names.

Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", and Megvii-BaseDetection/YOLOX `yolox/models/`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from workloads.contract import UserError
from workloads.yolox import variants
from workloads.yolox.blocks import BaseConv, CSPLayer, DWConv, Focus, SPPBottleneck
from workloads.yolox.decoding import decode
from workloads.yolox.variants import STRIDES, Variant

PRIOR = 0.01
"""The probability of an object, and of a class, that a fresh head gives to every cell."""


def build(variant: str, classes: int) -> YOLOX:
    """A freshly initialised network, in training mode.

    Raises:
        UserError: no such variant, or no class.
    """
    if classes < 1:
        raise UserError(f"classes: {classes} given; a detector needs at least one")
    return YOLOX(variants.find(variant), classes)


class CSPDarknet(nn.Module):
    """Features on strides 8, 16 and 32."""

    def __init__(self, depth: float, width: float, depthwise: bool) -> None:
        super().__init__()
        conv = DWConv if depthwise else BaseConv
        base = int(width * 64)
        blocks = max(round(depth * 3), 1)
        self.stem = Focus(base)
        self.dark2 = nn.Sequential(conv(base, base * 2, 3, 2),
                                   CSPLayer(base * 2, base * 2, blocks, True, depthwise))  # fmt: skip
        self.dark3 = nn.Sequential(conv(base * 2, base * 4, 3, 2),
                                   CSPLayer(base * 4, base * 4, blocks * 3, True, depthwise))  # fmt: skip
        self.dark4 = nn.Sequential(conv(base * 4, base * 8, 3, 2),
                                   CSPLayer(base * 8, base * 8, blocks * 3, True, depthwise))  # fmt: skip
        self.dark5 = nn.Sequential(conv(base * 8, base * 16, 3, 2), SPPBottleneck(base * 16),
                                   CSPLayer(base * 16, base * 16, blocks, False, depthwise))  # fmt: skip

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        eight = self.dark3(self.dark2(self.stem(images)))
        sixteen = self.dark4(eight)
        return eight, sixteen, self.dark5(sixteen)


class YOLOPAFPN(nn.Module):
    """The features of three strides, mixed from coarse to fine and back."""

    def __init__(self, depth: float, width: float, depthwise: bool) -> None:
        super().__init__()
        conv = DWConv if depthwise else BaseConv
        fine, middle, coarse = (int(channels * width) for channels in (256, 512, 1024))
        blocks = round(3 * depth)

        def mix(inputs: int, outputs: int) -> CSPLayer:
            return CSPLayer(inputs, outputs, blocks, False, depthwise)

        self.backbone = CSPDarknet(depth, width, depthwise)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.lateral_conv0 = BaseConv(coarse, middle, 1)
        self.C3_p4 = mix(2 * middle, middle)
        self.reduce_conv1 = BaseConv(middle, fine, 1)
        self.C3_p3 = mix(2 * fine, fine)
        self.bu_conv2 = conv(fine, fine, 3, 2)
        self.C3_n3 = mix(2 * fine, middle)
        self.bu_conv1 = conv(middle, middle, 3, 2)
        self.C3_n4 = mix(2 * middle, coarse)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        eight, sixteen, thirty_two = self.backbone(images)
        top = self.lateral_conv0(thirty_two)
        between = self.reduce_conv1(self.C3_p4(torch.cat((self.upsample(top), sixteen), 1)))
        fine = self.C3_p3(torch.cat((self.upsample(between), eight), 1))
        middle = self.C3_n3(torch.cat((self.bu_conv2(fine), between), 1))
        coarse = self.C3_n4(torch.cat((self.bu_conv1(middle), top), 1))
        return fine, middle, coarse


class YOLOXHead(nn.Module):
    """Box, objectness and classes per cell, each kind of answer from a branch of its own."""

    def __init__(self, classes: int, width: float, depthwise: bool) -> None:
        super().__init__()
        conv = DWConv if depthwise else BaseConv
        hidden = int(256 * width)
        self.cls_convs, self.reg_convs = nn.ModuleList(), nn.ModuleList()
        self.cls_preds, self.reg_preds, self.obj_preds = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.stems = nn.ModuleList()
        for channels in (256, 512, 1024):
            self.stems.append(BaseConv(int(channels * width), hidden, 1))
            self.cls_convs.append(nn.Sequential(conv(hidden, hidden, 3), conv(hidden, hidden, 3)))
            self.reg_convs.append(nn.Sequential(conv(hidden, hidden, 3), conv(hidden, hidden, 3)))
            self.cls_preds.append(nn.Conv2d(hidden, classes, 1))
            self.reg_preds.append(nn.Conv2d(hidden, 4, 1))
            self.obj_preds.append(nn.Conv2d(hidden, 1, 1))
        for layer in (*self.cls_preds, *self.obj_preds):
            start_at_prior(layer)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        """(n, cells, 4 + 1 + classes): raw box, objectness and class logits; levels from fine to coarse, row by row."""
        levels = []
        for level, feature in enumerate(features):
            x = self.stems[level](feature)
            box = self.reg_convs[level](x)
            answers = (self.reg_preds[level](box), self.obj_preds[level](box),
                       self.cls_preds[level](self.cls_convs[level](x)))  # fmt: skip
            levels.append(torch.cat(answers, dim=1).flatten(start_dim=2))
        return torch.cat(levels, dim=2).transpose(1, 2)


def start_at_prior(layer: nn.Module) -> None:
    """Set the bias so that the sigmoid gives PRIOR: most cells hold nothing, and the first losses stay small."""
    nn.init.constant_(layer.bias, -math.log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]


class YOLOX(nn.Module):
    """Images in, predictions out.

    `forward` takes (n, 3, H, W) float, BGR, 0 to 255, letterboxed; H and W multiples of 32. In training it gives
    the raw answers that `losses.detection_loss` wants, else decoded predictions, both (n, cells, 5 + classes).
    """

    def __init__(self, variant: Variant, classes: int) -> None:
        super().__init__()
        self.variant, self.classes = variant, classes
        self.backbone = YOLOPAFPN(variant.depth, variant.width, variant.depthwise)
        self.head = YOLOXHead(classes, variant.width, variant.depthwise)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        if height % STRIDES[-1] or width % STRIDES[-1]:
            raise ValueError(f"images of {height} x {width} pixels; both must be multiples of {STRIDES[-1]}")
        raw = self.head(self.backbone(images))
        return raw if self.training else decode(raw, (height, width))
