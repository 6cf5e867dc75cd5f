"""What there is to learn, and how."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workloads.augmentation.recipe import Recipe
from workloads.contract import Run
from workloads.detection.dataset import Frames
from workloads.detection.training.settings import Settings


@dataclass(frozen=True)
class Lesson:
    """One training: its run, its data, its settings."""

    run: Run
    recipe: Mapping[str, Any]
    """`features.json`."""
    settings: Settings
    augmentation: Recipe
    frames: Frames
    validation: Frames

    @property
    def stem(self) -> str:
        """Name of the product's files, e.g. `yolox_m_kitti_object_detection`."""
        name = str(self.run.dataset.get("name") or self.run.model_id)
        return re.sub(r"[^0-9a-zA-Z]+", "_", f"{self.settings.variant.name}_{name}").strip("_").lower()

    @property
    def identity(self) -> str:
        """What must be equal for a checkpoint to be continued."""
        return json.dumps([self.run.run_key, self.run.dataset_version, self.settings.as_dict(),
                           self.augmentation.as_dict(), self.recipe["classes"], len(self.frames)],
                          sort_keys=True)  # fmt: skip
