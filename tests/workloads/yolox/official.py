"""The public YOLOX package as a judge of ours: `PYTHONPATH=. python tests/workloads/yolox/official.py CHECKOUT` writes
the known answers.

CHECKOUT is a clone of github.com/Megvii-BaseDetection/YOLOX (commit 6ddff48 gave the committed numbers). Only its
network and loss are imported; what it needs around them (torchvision, loguru, its drawing) is left out. Known answers
need no stored weights: every layer is filled from one table of numbers, at a place its name decides.
"""

from __future__ import annotations

import importlib
import json
import sys
import types
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workloads.yolox.variants import STRIDES, VARIANTS

TABLE = np.random.RandomState(20210718).standard_normal(65_537).astype(np.float32)  # frozen by NumPy's promise
PROBED = ("backbone.backbone.stem.conv.conv.weight", "backbone.backbone.dark5.1.conv2.conv.weight",
          "backbone.C3_p3.conv3.bn.weight", "head.cls_preds.0.bias", "head.reg_preds.1.weight",
          "head.obj_preds.2.weight")  # fmt: skip
"""Layers whose gradient is compared: the first one sees everything behind it."""


@dataclass(frozen=True)
class Example:
    """A batch: images (n, 3, h, w), targets (n, most, 5) [class, centre x, centre y, width, height] in pixels."""

    name: str
    images: torch.Tensor
    targets: torch.Tensor


Losses = Callable[[torch.nn.Module, Example], dict[str, torch.Tensor]]


def numbers(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers that only `name` and `shape` decide."""
    return np.resize(np.roll(TABLE, zlib.crc32(name.encode()) % len(TABLE)), shape)


@torch.no_grad()
def fill(model: torch.nn.Module) -> torch.nn.Module:
    """Weights as of a network that has learnt something; its statistics become those of the next batch it trains on."""
    for name, values in model.state_dict().items():
        if not values.is_floating_point():
            continue
        noise = numbers(name, tuple(values.shape))
        if "bn." in name:
            noise = 0.1 * noise + (0 if name.endswith(("bias", "mean")) else 1)
        elif values.ndim == 4:
            noise = noise * (0.1 if "reg_preds" in name else 1) / np.sqrt(np.prod(values.shape[1:]))
        elif "reg_preds" not in name:
            noise = 0.3 * noise - 3
        values.copy_(torch.from_numpy(np.ascontiguousarray(noise, np.float32)))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    return model


def examples(classes: int) -> Iterator[Example]:
    """Sparse (with an empty image, a tiny object, one at the corner), and crowded."""
    images = np.clip(numbers("sparse", (3, 3, 64, 96)) * 60 + 120, 0, 255)
    targets = np.zeros((3, 6, 5), np.float32)
    targets[0, :3] = [[0, 30, 30, 22, 40], [classes - 1, 33, 28, 30, 18], [1, 80, 50, 12, 9]]
    targets[2, :2] = [[1, 3, 2, 6, 4], [0, 60, 34, 70, 58]]
    yield Example("sparse", torch.from_numpy(images), torch.from_numpy(targets))
    images = np.clip(numbers("crowded", (2, 3, 96, 64)) * 60 + 120, 0, 255)
    random = np.random.RandomState(7)
    targets = np.zeros((2, 50, 5), np.float32)
    for image, count in enumerate((50, 25)):
        targets[image, :count, 0] = random.randint(0, classes, count)
        targets[image, :count, 1:3] = random.uniform([4, 4], [60, 92], (count, 2))
        targets[image, :count, 3:] = np.exp(random.uniform(1.5, 3.6, (count, 2)))
    yield Example("crowded", torch.from_numpy(images), torch.from_numpy(targets))


def probe_predictions(predictions: torch.Tensor) -> dict[str, list[float]]:
    """A few numbers that no wrong network meets by chance: (n, cells, 5 + classes) as column means and samples."""
    flat = predictions.detach().double().flatten()
    places = np.linspace(0, len(flat) - 1, 23).astype(int)
    means = predictions.detach().double().abs().mean(dim=(0, 1))
    return {"column_means": means[:8].tolist(), "samples": flat[places].tolist()}


def probe_gradients(model: torch.nn.Module) -> dict[str, list[float]]:
    """Length of the gradient of each probed layer, and its product with fixed numbers."""
    known = dict(model.named_parameters())
    answer = {}
    for name in PROBED:
        gradient = known[name].grad
        assert gradient is not None
        along = torch.from_numpy(np.array(numbers("along " + name, tuple(gradient.shape))))
        answer[name] = [gradient.double().norm().item(), (gradient.double() * along.double()).sum().item()]
    return answer


def answers(model: torch.nn.Module, classes: int, losses: Losses, names: tuple[str, ...]) -> dict[str, dict]:
    """Loss terms (L1 on), gradients and predictions of a filled model, by example.

    In float64: in float32 the gradients of the deepest networks differ by a third of a percent between processors.
    """
    found = {}
    model = model.double()
    for example in examples(classes):
        if example.name in names:
            example = replace(example, images=example.images.double(), targets=example.targets.double())
            fill(model).train().zero_grad()
            terms = losses(model, example)
            terms["total"].backward()
            gradients = probe_gradients(model)
            with torch.no_grad():
                for name, values in model.state_dict().items():
                    if name.endswith("running_var"):
                        values.mul_(1.4)  # a calmer network: the statistics come from a handful of cells
                predictions = probe_predictions(model.eval()(example.images))
            found[example.name] = {"loss": {name: value.item() for name, value in terms.items()},
                                   "gradients": gradients, "predictions": predictions}  # fmt: skip
    return found


def trained_answers(seed: int, size: tuple[int, int], classes: int, objects: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Raw answers of a head whose boxes lie near the objects, as late in training: many cells per object.

    Returns:
        raw (2, cells, 5 + classes), targets (2, objects + 1, 5); the second image has half of the objects.
    """
    random = np.random.RandomState(seed)
    targets = np.zeros((2, objects + 1, 5), np.float32)
    for image, count in enumerate((objects, objects // 2)):
        targets[image, :count, 0] = random.randint(0, classes, count)
        targets[image, :count, 1] = random.uniform(0, size[1], count)
        targets[image, :count, 2] = random.uniform(0, size[0], count)
        targets[image, :count, 3:] = np.exp(random.uniform(1.5, 4.5, (count, 2)))
    levels = []
    for stride in STRIDES:
        y, x = np.meshgrid(np.arange(size[0] // stride), np.arange(size[1] // stride), indexing="ij")
        levels.append(np.stack((x.ravel(), y.ravel(), np.full(x.size, stride)), 1))
    cells = np.concatenate(levels).astype(np.float32)
    raw = random.standard_normal((2, len(cells), 5 + classes)).astype(np.float32)
    for image in range(2):
        known = targets[image][targets[image, :, 3] > 0]
        centres = (cells[:, None, :2] + 0.5) * cells[:, None, 2:]
        near = known[np.abs(centres - known[:, 1:3]).sum(axis=2).argmin(axis=1)]
        raw[image, :, :2] = near[:, 1:3] / cells[:, 2:] - cells[:, :2] + 0.2 * raw[image, :, :2]
        raw[image, :, 2:4] = np.log(near[:, 3:] / cells[:, 2:]) + 0.2 * raw[image, :, 2:4]
    return torch.from_numpy(raw), torch.from_numpy(targets)


SCENES: dict[str, tuple[int, tuple[int, int], int, int]] = {
    "few": (1, (64, 96), 3, 3), "many": (2, (128, 160), 3, 40), "one class": (3, (96, 96), 1, 8),
    "eighty classes": (4, (96, 64), 80, 15), "crowd": (5, (128, 128), 3, 150),
}  # fmt: skip
"""Arguments of `trained_answers`."""


CLASSES = {"yolox-s": 80}
"""3 where it says nothing."""


def examples_of(variant: str) -> tuple[str, ...]:
    """Both, or one where the network is large: a test is waiting."""
    return ("crowded",) if variant in ("yolox-l", "yolox-x") else ("sparse", "crowded")


KNOWN = Path(__file__).with_name("known_answers.json")


class Official:
    """The package of a checkout."""

    def __init__(self, checkout: Path) -> None:
        folder = checkout / "yolox"
        if not (folder / "models" / "yolo_head.py").is_file():
            raise FileNotFoundError(f"{checkout} is no checkout of YOLOX: it has no yolox/models/yolo_head.py")
        logger = types.SimpleNamespace(error=print, info=print, warning=print)
        sys.modules.setdefault("loguru", _module("loguru", logger=logger))
        sys.modules.setdefault("torchvision", _module("torchvision"))
        sys.modules["yolox"] = _module("yolox", __path__=[str(folder)])
        tools = sys.modules["yolox.utils"] = _module("yolox.utils", __path__=[str(folder / "utils")])
        for name in ("boxes", "compat", "lr_scheduler", "ema"):
            tools.__dict__.update(vars(importlib.import_module(f"yolox.utils.{name}")))
        tools.__dict__["visualize_assign"] = None
        self.models = importlib.import_module("yolox.models")
        self.tools = tools

    def build(self, variant: str, classes: int) -> torch.nn.Module:
        """As `yolox/exp/yolox_base.py` and `exps/default/yolox_nano.py` build it."""
        size = VARIANTS[variant]
        parts = {"in_channels": [256, 512, 1024], "act": "silu", "depthwise": size.depthwise}
        backbone = self.models.YOLOPAFPN(size.depth, size.width, **parts)
        model = self.models.YOLOX(backbone, self.models.YOLOXHead(classes, size.width, **parts))
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eps, module.momentum = 1e-3, 0.03
        model.head.initialize_biases(1e-2)
        return model

    @staticmethod
    def losses(model: torch.nn.Module, example: Example) -> dict[str, torch.Tensor]:
        model.head.use_l1 = True  # type: ignore[union-attr]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch.cuda.amp.autocast
            found = model(example.images, example.targets)
        return {name.removesuffix("_loss"): torch.as_tensor(value) for name, value in found.items()}

    def losses_of(self, raw: torch.Tensor, targets: torch.Tensor, size: tuple[int, int], l1: bool
                  ) -> dict[str, torch.Tensor]:  # fmt: skip
        """The same of raw answers (n, cells, 5 + classes), without a network before them."""
        head = self.models.YOLOXHead(raw.shape[2] - 5, width=1 / 64)  # its layers are not asked
        head.use_l1 = l1
        decoded, x, y, strides, begin = [], [], [], [], 0
        for level, stride in enumerate(STRIDES):
            rows, columns = size[0] // stride, size[1] // stride
            part = raw[:, begin : begin + rows * columns]
            part = part.transpose(1, 2).reshape(len(raw), -1, rows, columns).clone()
            boxes, grid = head.get_output_and_grid(part, level, stride, raw.type())
            decoded.append(boxes)
            x.append(grid[:, :, 0])
            y.append(grid[:, :, 1])
            strides.append(torch.full((1, rows * columns), float(stride)))
            begin += rows * columns
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            found = head.get_losses(None, x, y, strides, targets, torch.cat(decoded, 1),
                                    [raw[..., :4].clone()] if l1 else [], raw.dtype)  # fmt: skip
        names = ("total", "iou", "conf", "cls", "l1", "num_fg")
        return {name: torch.as_tensor(value) for name, value in zip(names, found, strict=True)}


def _module(name: str, **content: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(content)
    return module


def known_answers(official: Official) -> dict[str, Any]:
    """Everything that is committed."""
    networks = {}
    for variant in VARIANTS:
        classes = CLASSES.get(variant, 3)
        networks[variant] = answers(official.build(variant, classes), classes, official.losses, examples_of(variant))
    scenes = {}
    for name, (seed, size, classes, objects) in SCENES.items():
        raw, targets = trained_answers(seed, size, classes, objects)
        raw.requires_grad_()
        terms = official.losses_of(raw, targets, size, l1=True)
        terms["total"].backward()
        scenes[name] = {"loss": {term: value.item() for term, value in terms.items()},
                        "gradient": raw.grad.double().norm().item()}  # fmt: skip
    return {"networks": networks, "scenes": scenes}


def main() -> int:
    KNOWN.write_text(json.dumps(known_answers(Official(Path(sys.argv[1]))), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
