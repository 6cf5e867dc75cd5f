"""A trained model as it will be served: ONNX and its signature, nothing of the framework that made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from workloads.contract import read_json
from workloads.tabular.features import FeaturePlan

BATCH = 4096


class OnnxModel:
    """`model.onnx` in memory. Batches bound the memory of large splits."""

    def __init__(self, model: bytes | str, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]

    def predict(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs by name for (n, d) float32, n at least 1."""
        parts = [self._session.run(None, {self._input: np.ascontiguousarray(features[start : start + BATCH])})
                 for start in range(0, len(features), BATCH)]  # fmt: skip
        return {
            name: np.concatenate(values) for name, values in zip(self._outputs, zip(*parts, strict=True), strict=True)
        }


class TrainedFolder:
    """An unpacked training product or package: model, recipe and signature."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.folder = folder
        self.signature: dict[str, Any] = read_json(folder, "signature.json")
        self.plan = FeaturePlan.from_json(read_json(folder, "features.json"))
        self.model = OnnxModel(str(folder / "model.onnx"), threads)
