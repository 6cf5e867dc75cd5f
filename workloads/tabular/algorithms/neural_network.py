"""A multi-layer perceptron (torch), on CPU or CUDA, stopped early; one point of the curve per epoch."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from workloads import accelerator
from workloads.contract import UserError
from workloads.tabular.algorithms import settle
from workloads.tabular.graphs import INPUT, Graph
from workloads.tabular.lesson import Curve, Fitted, Lesson, probabilities_to_outputs

DEFAULTS = {
    "hidden_layers": (64, 32), "epochs": 100, "batch_size": 32, "learning_rate": 0.001, "dropout": 0.0,
    "weight_decay": 0.0001, "early_stopping_patience": 15, "seed": 0,
}  # fmt: skip


def fit(lesson: Lesson, settings: Mapping[str, Any]) -> Fitted:
    """Adam on cross-entropy, or on the squared error of the standardised target."""
    import torch

    chosen = settle(settings, DEFAULTS)
    torch.manual_seed(chosen["seed"])
    torch.set_num_threads(lesson.threads)
    device = accelerator.device()
    mean, scale = lesson.moments()
    middle, spread = _target_moments(lesson)
    network = _network(lesson, chosen).to(device)

    def tensors(features: np.ndarray, target: np.ndarray) -> tuple[Any, Any]:
        """(n, d) standardised inputs; (n,) class codes, or (n, 1) standardised targets."""
        x = torch.from_numpy(((features - mean) / scale).astype(np.float32))
        y = torch.tensor(target) if lesson.classes else torch.tensor((target - middle) / spread).float()[:, None]
        return x.to(device), y.to(device)

    assert lesson.target is not None
    assert lesson.validation_target is not None
    train = tensors(lesson.features, lesson.target)
    validation = tensors(lesson.validation_features, lesson.validation_target)
    loss = torch.nn.functional.cross_entropy if lesson.classes else torch.nn.functional.mse_loss
    curve, best = _learn(network, train, validation, loss, lesson, chosen)

    def predict(features: np.ndarray) -> dict[str, np.ndarray]:
        x = torch.from_numpy(((features - mean) / scale).astype(np.float32)).to(device)
        with torch.inference_mode():
            scores = network(x)
            if lesson.classes:
                return probabilities_to_outputs(torch.softmax(scores, dim=1).cpu().numpy())
            return {"value": scores[:, 0].cpu().numpy() * spread + middle}

    weights = {name: values.detach().cpu() for name, values in network.state_dict().items()}
    return Fitted(_graph(weights, lesson, (mean, scale), (middle, spread)), predict, chosen, curve,
                  {"model.safetensors": _safetensors(weights)},
                  {"best_iteration": best, "device": device.type, "importance": _importance(weights)})  # fmt: skip


def _network(lesson: Lesson, chosen: Mapping[str, Any]) -> Any:
    from torch import nn

    layers: list[Any] = []
    width = lesson.features.shape[1]
    for units in chosen["hidden_layers"]:
        layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(chosen["dropout"])]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, lesson.classes or 1))


def _learn(network: Any, train: tuple[Any, Any], validation: tuple[Any, Any], loss: Any, lesson: Lesson,
           chosen: Mapping[str, Any]) -> tuple[Curve, int]:  # fmt: skip
    """Train in place and leave the weights of the best epoch; returns the curve and that epoch."""
    import torch

    optimiser = torch.optim.Adam(network.parameters(), lr=chosen["learning_rate"], weight_decay=chosen["weight_decay"])
    shuffle = torch.Generator().manual_seed(chosen["seed"])
    curve, best, best_loss, best_weights = Curve("epochs"), 0, float("inf"), None
    patience = chosen["early_stopping_patience"] or chosen["epochs"]
    for epoch in range(1, chosen["epochs"] + 1):
        network.train()
        total = torch.zeros((), device=train[0].device)
        for batch in torch.randperm(len(train[0]), generator=shuffle).split(chosen["batch_size"]):
            optimiser.zero_grad(set_to_none=True)
            error = loss(network(train[0][batch]), train[1][batch])
            error.backward()
            optimiser.step()
            total += error.detach() * len(batch)  # no .item(): it would wait for the device at every step
        network.eval()
        with torch.inference_mode():
            scores = network(validation[0])
            missed = loss(scores, validation[1]).item()
        extra = {"accuracy": (scores.argmax(1) == validation[1]).float().mean().item()} if lesson.classes else {}
        curve.add(epoch, {"loss": total.item() / len(train[0])}, {"loss": missed, **extra})
        if not np.isfinite(missed):
            rate = chosen["learning_rate"]
            raise UserError(
                f"hyperparameters.learning_rate: with {rate:g} training diverged in epoch {epoch}; lower it"
            )
        if missed < best_loss:
            best, best_loss, best_weights = epoch, missed, copy.deepcopy(network.state_dict())
        elif epoch - best >= patience:
            break
    network.load_state_dict(best_weights)
    return curve, best


def _target_moments(lesson: Lesson) -> tuple[float, float]:
    if lesson.classes or lesson.target is None:
        return 0.0, 1.0
    return float(lesson.target.mean()), float(lesson.target.std()) or 1.0


def _importance(weights: Mapping[str, Any]) -> list[float]:
    """Mean absolute weight from each (standardised) input into the first layer."""
    return next(iter(weights.values())).abs().mean(dim=0).tolist()


def _safetensors(weights: Mapping[str, Any]) -> bytes:
    from safetensors.torch import save

    return save({name: values.contiguous() for name, values in weights.items()})


def _graph(weights: Mapping[str, Any], lesson: Lesson, inputs: tuple[np.ndarray, np.ndarray],
           target: tuple[float, float]) -> bytes:  # fmt: skip
    graph = Graph()
    layers = sorted({int(name.partition(".")[0]) for name in weights})
    x = graph.standardise(INPUT, *inputs)
    for layer in layers:
        matrix, bias = (weights[f"{layer}.{name}"].numpy().astype(np.float64) for name in ("weight", "bias"))
        if layer == layers[-1] and not lesson.classes:
            matrix, bias = matrix * target[1], bias * target[1] + target[0]  # back to the target's own unit
        x = graph.affine(x, matrix.T, bias)
        if layer != layers[-1]:
            x = graph.node("Relu", x)
    if lesson.classes:
        graph.class_outputs(x)
    else:
        graph.value_output(x)
    return graph.build(lesson.task, lesson.features.shape[1], lesson.classes)
