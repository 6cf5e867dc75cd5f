"""ONNX graphs, built node by node: every algorithm ends in the same few named outputs.

Converters are not used: they load their frameworks, spell outputs each in its own way, and round the double
thresholds of trees so that rows near a split can go the other way. What is built here is checked against the
framework's own predictions at the end of every training.
"""

from __future__ import annotations

from typing import Any

import numpy as np

INPUT = "features"
OPSETS = {"": 17, "ai.onnx.ml": 3}
OUTPUTS: dict[str, list[tuple[str, str, str | None]]] = {
    "classification": [("label", "int64", None), ("probabilities", "float32", "classes")],
    "regression": [("value", "float32", None)],
    "clustering": [("cluster", "int64", None), ("distance", "float32", None)],
    "dimensionality_reduction": [("components", "float32", "components"), ("reconstruction", "float32", "features")],
}
"""Per task: output name, type, and the name of its second dimension (None: one value a row)."""


class Graph:
    """Nodes and constants of one model, in order."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, values: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, *inputs: str, output: str | None = None, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = output or f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], domain=domain, **attributes))
        return name

    def affine(self, x: str, weights: np.ndarray, bias: np.ndarray, output: str | None = None) -> str:
        """`x @ weights + bias`; weights (d, k), bias (k,)."""
        weights, bias = weights.astype(np.float32), bias.astype(np.float32)
        return self.node("Gemm", x, self.constant(weights), self.constant(bias), output=output)

    def standardise(self, x: str, mean: np.ndarray, scale: np.ndarray) -> str:
        """`(x - mean) / scale`. Not folded into the next weights: with large means float32 would cancel."""
        centred = self.node("Sub", x, self.constant(mean.astype(np.float32)))
        return self.node("Div", centred, self.constant(scale.astype(np.float32)))

    def class_outputs(self, scores: str) -> None:
        """Softmax over (n, k) scores, and its largest entry."""
        self.probability_outputs(self.node("Softmax", scores, axis=1))

    def binary_outputs(self, margin: str) -> None:
        """Two probabilities from the (n, 1) log-odds of the second class."""
        second = self.node("Sigmoid", margin)
        first = self.node("Sub", self.constant(np.ones(1, np.float32)), second)
        self.probability_outputs(self.node("Concat", first, second, axis=1))

    def probability_outputs(self, probabilities: str) -> None:
        self.node("Identity", probabilities, output="probabilities")
        self.node("ArgMax", probabilities, output="label", axis=1, keepdims=0)

    def value_output(self, column: str) -> None:
        """(n, 1) to the output `value` (n,)."""
        self.node("Squeeze", column, self.constant(np.array([1], np.int64)), output="value")

    def build(self, task: str, features: int, width: int = 0) -> bytes:
        """The serialised, checked model. `width`: number of classes or components."""
        from onnx import TensorProto, checker, helper

        types = {"int64": TensorProto.INT64, "float32": TensorProto.FLOAT}
        sizes = {"classes": width, "components": width, "features": features}
        outputs = [helper.make_tensor_value_info(name, types[kind], ["rows", *([sizes[second]] if second else [])])
                   for name, kind, second in OUTPUTS[task]]  # fmt: skip
        given = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", features])
        graph = helper.make_graph(self._nodes, "model", [given], outputs, self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="workloads")
        checker.check_model(model)
        return model.SerializeToString(deterministic=True)


def signature(task: str, algorithm: str, features: tuple[str, ...], classes: tuple[str, ...], width: int
              ) -> dict[str, Any]:  # fmt: skip
    """`signature.json`: how to call `model.onnx`, whatever algorithm is inside."""
    sizes = {"classes": len(classes), "components": width, "features": len(features)}
    return {
        "format": 1, "task": task, "algorithm": algorithm, "classes": list(classes), "features": list(features),
        "input": {"name": INPUT, "type": "float32", "shape": [None, len(features)]},
        "outputs": [{"name": name, "type": kind, "shape": [None, *([sizes[second]] if second else [])]}
                    for name, kind, second in OUTPUTS[task]],
    }  # fmt: skip


class Trees:
    """Trees for one `TreeEnsembleRegressor`: the sum of their leaves, per target."""

    def __init__(self, targets: int, mode: str) -> None:
        """`mode`: BRANCH_LEQ (x <= threshold goes left; scikit-learn) or BRANCH_LT (XGBoost)."""
        self._targets, self._mode, self._count = targets, mode, 0
        self._parts: dict[str, list[np.ndarray]] = {}

    def add(self, feature: np.ndarray, threshold: np.ndarray, left: np.ndarray, right: np.ndarray,
            leaves: np.ndarray) -> None:  # fmt: skip
        """One tree of m nodes: `left` and `right` (m,) node numbers, negative at leaves; `leaves` (m, targets)."""
        leaf = left < 0
        tree = np.full(len(left), self._count)
        node, target = np.nonzero((leaves != 0) & leaf[:, None])
        if not self._count and not len(node):
            # ONNX takes no ensemble without any weight: a model that learnt nothing keeps one zero.
            node, target = np.flatnonzero(leaf)[:1], np.zeros(1, dtype=np.int64)
        self._count += 1
        parts = {
            "nodes_treeids": tree, "nodes_nodeids": np.arange(len(left)), "leaf": leaf,
            "nodes_featureids": np.where(leaf, 0, feature), "nodes_values": np.where(leaf, 0.0, threshold),
            "nodes_truenodeids": np.where(leaf, 0, left), "nodes_falsenodeids": np.where(leaf, 0, right),
            "target_treeids": np.full(len(node), tree[0]), "target_nodeids": node, "target_ids": target,
            "target_weights": leaves[node, target],
        }  # fmt: skip
        for name, values in parts.items():
            self._parts.setdefault(name, []).append(values)

    def attributes(self, base: np.ndarray) -> dict[str, Any]:
        """Attributes of the ONNX node; `base` (targets,) is added to every sum."""
        joined = {name: np.concatenate(values) for name, values in self._parts.items()}
        leaf = joined.pop("leaf")
        listed: dict[str, Any] = {name: values.tolist() for name, values in joined.items()}
        return listed | {
            "nodes_modes": ["LEAF" if at_leaf else self._mode for at_leaf in leaf],
            "n_targets": self._targets, "aggregate_function": "SUM", "post_transform": "NONE",
            "base_values": base.astype(np.float32).tolist(),
        }  # fmt: skip


def float32_thresholds(thresholds: np.ndarray) -> np.ndarray:
    """The largest float32 not above each double: for float32 x, `x <= result` exactly when `x <= threshold`."""
    rounded = thresholds.astype(np.float32)
    too_large = rounded.astype(np.float64) > thresholds
    return np.where(too_large, np.nextafter(rounded, np.float32(-np.inf)), rounded)
