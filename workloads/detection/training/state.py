"""How far a training is, and what it has seen: everything that outlives an interruption beside the weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

CHOSEN_BY = "map_50_95"
"""The validation metric that decides which weights are kept, and when to stop."""


@dataclass
class Progress:
    """Counts from 0. `epoch` and `step` name the next step to take."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    """Spent training and evaluating, over all starts."""
    sums: dict[str, float] = field(default_factory=dict)
    """Of each part of the loss over the steps of this epoch."""
    history: list[dict[str, float]] = field(default_factory=list)
    """A row an epoch: `train:loss`, …, and where evaluated `validation:map_50`, …"""
    best: dict[str, float] = field(default_factory=dict)
    """Validation metrics of the best weights."""
    best_epoch: int = 0
    """From 1; 0: none was evaluated."""
    stopped_early: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def add(self, parts: dict[str, float]) -> None:
        """The loss of a step."""
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def is_better(self, metrics: dict[str, float]) -> bool:
        """Equal is not better: the earlier weights stay."""
        return not self.best or metrics.get(CHOSEN_BY, 0.0) > self.best.get(CHOSEN_BY, 0.0)

    def curve(self) -> dict[str, Any]:
        """For `training_log.json`; epochs without an evaluation have None there."""
        names = dict.fromkeys(name for row in self.history for name in row)
        return {
            "x_label": "epochs", "x": list(range(1, len(self.history) + 1)),
            "series": {name: [row.get(name) for row in self.history] for name in names},
        }  # fmt: skip
