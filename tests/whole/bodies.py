"""Texts of issues."""

from __future__ import annotations

import json


def issue_about(name: str, **changes: object) -> str:
    """A small run that ends well, but for what `changes` say."""
    spec = {
        "name": name,
        "model_type": "supervised_learning",
        "algorithm": "logistic_regression",
        "dataset": {"name": "wine"},
        "evaluation": {"thresholds": {"accuracy": 0.5}},
    }
    return f"```yaml\n{json.dumps({**spec, **changes})}\n```\n"
