"""A trained detector as it will be served: ONNX, from pictures to boxes. Nothing of the framework that made it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workloads.contract import UserError, log, read_json
from workloads.detection.detections import IOU_LIMIT, MOST, SCORE_LIMIT, Detections, from_predictions
from workloads.images.letterbox import Letterbox
from workloads.images.tensors import TensorBuffer

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
"""Our words for onnxruntime's execution providers."""
PACKED_NAME = "model.onnx"
_FLOATS = ("tensor(float)", "tensor(float16)")


class NoNumber(Exception):
    """The network answered NaN or infinity for a picture."""


class OnnxDetector:
    """`images` (n, 3, H, W) float32 to `predictions` (n, cells, 5 + C), and what is before and behind it.

    `predict` is `fill`, `run` and `found` in turn; whoever measures a stage calls it alone.
    One thread at a time: the input tensor is written into the same memory for each call.
    """

    def __init__(self, model: bytes | str | Path, *, threads: int | None = None, provider: str = "cpu") -> None:
        """`threads`: cores for one picture; None means all that we may use.

        Raises:
            UserError: the provider is not present here, or the network is none of ours.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or usable_cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        content = model if isinstance(model, bytes) else str(model)
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=_chain(provider))
        except Exception as invalid:  # onnxruntime's own classes share no base
            raise UserError(f"the network cannot be loaded: {str(invalid).splitlines()[0]}") from invalid
        if self._session.get_providers()[0] != PROVIDERS[provider]:
            raise UserError(f"provider {provider}: onnxruntime could not start it and fell back to another")
        self.provider, self.threads = provider, options.intra_op_num_threads
        (given, *others), (answer, *_) = self._session.get_inputs(), self._session.get_outputs()
        _refuse_foreign(given, others, answer)
        shape, width = given.shape, answer.shape[-1]
        self.input_size = (int(shape[2]), int(shape[3]))
        self.class_count: int | None = width - 5 if isinstance(width, int) else None
        self._input, self._output = given.name, answer.name
        self._type = np.float16 if "float16" in given.type else np.float32
        self._buffer = TensorBuffer(self.input_size)

    def fill(self, images: Sequence[np.ndarray]) -> tuple[np.ndarray, list[Letterbox]]:
        """(h, w, 3) uint8 BGR pictures to the input tensor (n, 3, H, W), valid until the next call."""
        return self._buffer.fill(images)

    def run(self, tensor: np.ndarray) -> np.ndarray:
        """(n, cells, 5 + C) float32: [cx, cy, w, h] in input pixels, objectness, class scores, after sigmoid."""
        given = tensor if tensor.dtype == self._type else tensor.astype(self._type)
        return self._session.run([self._output], {self._input: given})[0].astype(np.float32, copy=False)

    def found(self, predictions: np.ndarray, letterbox: Letterbox, *, score_limit: float = SCORE_LIMIT,
              iou_limit: float = IOU_LIMIT, most: int = MOST) -> Detections:  # fmt: skip
        """The boxes of one picture in its own pixels, from (cells, 5 + C). Raises NoNumber."""
        # The sum is finite exactly where all scores are; quicker than asking each. A box without a size is left out
        # later: exp() of an untrained cell may overflow where nothing was seen anyway.
        if not np.isfinite(predictions[:, 4:].sum(dtype=np.float64)):
            raise NoNumber("the network's scores are no finite numbers")
        return from_predictions(predictions, letterbox, score_limit=score_limit, iou_limit=iou_limit, most=most)

    def predict(self, images: Sequence[np.ndarray], *, score_limit: float = SCORE_LIMIT,
                iou_limit: float = IOU_LIMIT, most: int = MOST) -> list[Detections]:  # fmt: skip
        """(h, w, 3) uint8 BGR pictures of any sizes, as one batch, to boxes in original pixels.

        Raises:
            NoNumber: the network's answer to one of them is NaN or infinite.
        """
        if not images:
            return []
        tensor, letterboxes = self.fill(images)
        limits: dict[str, Any] = {"score_limit": score_limit, "iou_limit": iou_limit, "most": most}
        return [self.found(answer, letterbox, **limits)
                for answer, letterbox in zip(self.run(tensor), letterboxes, strict=True)]  # fmt: skip


def _refuse_foreign(given: Any, others: Sequence[Any], answer: Any) -> None:
    """Raises UserError where a graph's inputs and its first output are not those of a detector."""
    if others:
        names = ", ".join(one.name for one in others)
        raise UserError(f"the network wants {names} beside {given.name}; a detector wants images alone")
    shape = list(given.shape)
    if len(shape) != 4 or shape[1] != 3 or not all(isinstance(side, int) for side in shape[2:]):
        raise UserError(f"the network's input {given.name} is {shape}; a detector's is (n, 3, height, width)")
    if isinstance(shape[0], int) and shape[0] != 1:
        raise UserError(f"the network takes {shape[0]} pictures at once, no fewer; export it for any number")
    told = list(answer.shape or ())
    if len(told) != 3 or (isinstance(told[2], int) and told[2] < 6):
        raise UserError(f"the network's output {answer.name} is {told}; a detector's is (n, cells, 5 + classes)")
    for one in (given, answer):
        if one.type not in _FLOATS:
            raise UserError(f"the network's {one.name} is {one.type}; a detector's is {_FLOATS[0]} or {_FLOATS[1]}")


class DetectorFolder:
    """An unpacked training product or package: network, classes and signature."""

    def __init__(self, folder: Path, *, threads: int | None = None, provider: str | None = "cpu") -> None:
        """`provider` None: a GPU where onnxruntime can start one, else the CPU."""
        self.folder = folder
        self.signature = read_json(folder, "signature.json")
        self.features = read_json(folder, "features.json")
        self.classes: tuple[str, ...] = tuple(self.signature["classes"])
        self.network = onnx_file(folder, self.signature)
        self.detector = (open_best(self.network, threads) if provider is None else
                         OnnxDetector(self.network, threads=threads, provider=provider))  # fmt: skip
        known = self.detector.class_count
        if known is not None and known != len(self.classes):
            raise UserError(f"{self.network.name} knows {known} classes, signature.json names {len(self.classes)}")


def open_best(network: Path, threads: int | None = None) -> OnnxDetector:
    """On CUDA where it is present and starts, else on the CPU. Raises UserError as OnnxDetector."""
    if "cuda" in present_providers():
        try:
            return OnnxDetector(network, threads=threads, provider="cuda")
        except UserError as unfit:  # built for a GPU, and there is none
            log(f"On the CPU: {unfit}", level="WARNING")
    return OnnxDetector(network, threads=threads)


def onnx_file(folder: Path, signature: dict[str, Any]) -> Path:
    """A package calls its network model.onnx; a training product names it in its signature."""
    name = Path(str(signature.get("files", {}).get("onnx", PACKED_NAME))).name
    path = next((folder / n for n in (name, PACKED_NAME) if (folder / n).is_file()), None)
    if path is None:
        raise UserError(f"the model archive holds no {name}; it is no detector of this project")
    return path


def present_providers() -> list[str]:
    """Those of PROVIDERS that this onnxruntime was built with."""
    import onnxruntime

    there = onnxruntime.get_available_providers()
    return [word for word, name in PROVIDERS.items() if name in there]


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chain(provider: str) -> list[str]:
    """A provider and what takes over the operators it does not know."""
    if provider not in PROVIDERS:
        raise UserError(f"provider {provider!r} is unknown; choose {', '.join(PROVIDERS)}")
    if provider not in present_providers():
        raise UserError(f"provider {provider} is absent from this onnxruntime; it has {', '.join(present_providers())}")
    order = ["tensorrt", "cuda", "cpu"]
    return [PROVIDERS[word] for word in order[order.index(provider) :] if word in present_providers()]
