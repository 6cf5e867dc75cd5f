"""Issue bodies for tests, and what a comment on one asks for."""

from __future__ import annotations

from typing import Any

from mlops.spec.yaml12 import Node, to_plain

GOOD = """We want a classifier.

```yaml
model_type: supervised_learning
algorithm: random_forest
dataset:
  name: breast-cancer
hyperparameters:
  n_estimators: 50
evaluation:
  metrics: [f1, accuracy]
  thresholds:
    f1: 0.9
```
"""

BAD = GOOD.replace("n_estimators: 50", "n_estimators: -50").replace("f1: 0.9", "f1: 9")
"""Two mistakes."""

DEAR = GOOD.replace(
    "evaluation:",
    """deployment:
  target: sagemaker_endpoint
  instance_type: ml.p3.2xlarge
  auto_scaling: {min_instances: 2, max_instances: 20, target_latency_ms: 50}
evaluation:""",
)
"""Far above the cost ceiling."""


def plain(change: dict[str, Node] | None) -> dict[str, Any] | None:
    """The values of a change without their lines; None where nothing was asked for."""
    return None if change is None else {key: to_plain(node) for key, node in change.items()}
