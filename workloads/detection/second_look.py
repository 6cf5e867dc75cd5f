"""A second look at captured frames: the packaged network asked for the picture and its mirror image."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import cv2
import numpy as np

from workloads import archive
from workloads.contract import log
from workloads.detection import edge_cases
from workloads.detection.captured import CapturedFrame, pixels_at
from workloads.detection.detections import Detections
from workloads.detection.edge_cases import EdgeCase, Rules
from workloads.detection.scoring import DetectorFolder, NoNumber, OnnxDetector
from workloads.detection.uncertainty import spread

MOST_FRAMES = 200
PATIENCE_S = 120.0
"""A large network on a small machine looks at fewer frames; the check itself must not wait for it."""


def look_again(frames: Sequence[CapturedFrame], model: Path, rules: Rules, known: Sequence[int] = ()
               ) -> tuple[list[EdgeCase], int]:  # fmt: skip
    """(edge cases, how many frames were looked at) of frames whose answer carries no agreement.

    Args:
        frames: of the traffic; different scenes among them are taken evenly over the window.
        model: the model.tar.gz that serves.
        known: fingerprints of frames that need no second look.
    """
    fresh = [frame for frame in edge_cases.distinct(frames, known)
             if frame.answer is not None and frame.answer.agreement is None]  # fmt: skip
    if not fresh:
        return [], 0
    places = np.linspace(0, len(fresh) - 1, min(MOST_FRAMES, len(fresh))).round().astype(int)
    begun, found, looked = monotonic(), [], 0
    with tempfile.TemporaryDirectory() as scratch:
        archive.extract(model, Path(scratch))
        folder = DetectorFolder(Path(scratch))
        for frame in (fresh[place] for place in np.random.default_rng(0).permutation(places)):
            if monotonic() - begun > PATIENCE_S:
                log("Looked at fewer frames again than wished: time is up", looked=looked, wished=len(places))
                break
            looked += 1
            try:
                agreement, seen = agree(folder.detector, pixels_at(frame.place), rules.score_threshold)
            except NoNumber:
                continue  # the endpoint told its caller so, too
            case = edge_cases.edge_case(frame, rules, agreement, seen)
            found += [case] if case else []
    return found, looked


def agree(detector: OnnxDetector, image: np.ndarray, score_threshold: float) -> tuple[float, Detections]:
    """(agreement of a picture and its mirror image, 0 to 1; what was found in the picture).

    What only the mirror image shows counts as a disagreement as well, which the spread over one look's boxes cannot
    tell: the worse of both directions is the agreement.
    """
    plain, mirrored = (detector.predict([one])[0] for one in (image, cv2.flip(image, 1)))
    turned = mirrored.boxes_xyxy.copy()
    turned[:, [0, 2]] = image.shape[1] - mirrored.boxes_xyxy[:, [2, 0]]
    looks = (plain, Detections(turned, mirrored.scores, mirrored.classes))
    agreements = []
    for look in looks:
        best = look.above(score_threshold)
        agreements.append(spread(best, looks, score_threshold).agreement(best.scores))
    return min(agreements), plain.above(score_threshold)
