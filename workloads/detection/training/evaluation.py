"""How well the averaged weights find the validation frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.detection.dataset import Frames
from workloads.detection.detections import Detections, from_predictions
from workloads.detection.judging import judge
from workloads.detection.training.batches import prefetched
from workloads.detection.training.precision import Precision
from workloads.detection.training.world import World
from workloads.images.letterbox import Letterbox

if TYPE_CHECKING:
    import torch

THRESHOLD = 0.3
"""The score from which a detection counts for precision and recall."""


def evaluate(model: Any, frames: Frames, *, batch_size: int, device: torch.device, precision: Precision, world: World,
             threads: int = 1, stopped: Callable[[], bool] = lambda: False) -> dict[str, float] | None:  # fmt: skip
    """map_50, map_50_95, precision, recall on all frames; each process predicts its share of them.

    Args:
        model: gives decoded predictions, (n, cells, 5 + classes), in evaluation mode.
        stopped: asked before each batch; True gives up, and None is returned. Only where there is one process.

    Boxes that are no numbers count as not found: after the first few steps the running statistics of the norms are
    still far off, and sides, being exponentials, may overflow. Whether the final model answers in numbers is checked
    when it is exported.
    """
    mine = range(world.rank, len(frames), world.size)
    chunks = [mine[at : at + batch_size] for at in range(0, len(mine), batch_size)]
    found: dict[int, Detections] = {}
    for places, batch in zip(chunks, prefetched(chunks, frames.padded, threads), strict=True):
        if world.size == 1 and stopped():
            return None
        predictions = _predict(model, batch.images, device, precision)
        for place, one in zip(places, predictions, strict=True):
            letterbox = Letterbox.fit(frames.original_size(place), frames.input_size)
            found[place] = from_predictions(one, letterbox)
    everything = {place: one for part in world.gather(found) for place, one in part.items()}
    return judge(frames.truth, [everything[place] for place in range(len(frames))], THRESHOLD).metrics


def _predict(model: Any, images: np.ndarray, device: torch.device, precision: Precision) -> np.ndarray:
    """(n, cells, 5 + classes) float32 of (n, H, W, 3) uint8."""
    import torch

    given = torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float()
    with torch.inference_mode(), precision.autocast(device):
        return model(given).float().cpu().numpy()
