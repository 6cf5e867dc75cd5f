"""From raw answers per cell to boxes in input pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from workloads.yolox.variants import STRIDES


def cell_grid(input_size: tuple[int, int], device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """The upper left corners of all cells, in cells of their level, and their sides.

    Args:
        input_size: height, width of the images, pixels.

    Returns:
        corners (cells, 2) float32 [column, row], strides (cells, 1) float32 pixels; levels from fine to coarse.
    """
    corners, strides = [], []
    for stride in STRIDES:
        rows = torch.arange(input_size[0] // stride, device=device, dtype=torch.float32)
        columns = torch.arange(input_size[1] // stride, device=device, dtype=torch.float32)
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        corners.append(torch.stack((x.flatten(), y.flatten()), dim=1))
        strides.append(torch.full((len(corners[-1]), 1), float(stride), device=device))
    return torch.cat(corners), torch.cat(strides)


def decode_boxes(raw_boxes: Tensor, corners: Tensor, strides: Tensor) -> Tensor:
    """(..., cells, 4) raw answers to [centre x, centre y, width, height], input pixels.

    Source: centre = (raw + corner) * stride, side = exp(raw) * stride; YOLOX `yolox/models/yolo_head.py`.
    """
    centres = (raw_boxes[..., :2] + corners) * strides
    return torch.cat((centres, raw_boxes[..., 2:4].exp() * strides), dim=-1)


def decode(raw: Tensor, input_size: tuple[int, int]) -> Tensor:
    """(n, cells, 5 + classes) raw answers to boxes in input pixels, objectness and class probabilities, float32."""
    raw = raw.float()  # half precision knows x = 400 to a quarter of a pixel only
    corners, strides = cell_grid(input_size, raw.device)
    return torch.cat((decode_boxes(raw[..., :4], corners, strides), raw[..., 4:].sigmoid()), dim=-1)
