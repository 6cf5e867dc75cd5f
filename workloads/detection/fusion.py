"""Several detectors' boxes for one picture made one set: weighted box fusion.

Source: Solovyev, Wang, Gabruseva, "Weighted boxes fusion: Ensembling boxes from different object detection
models", Image and Vision Computing 107, 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workloads.detection.boxes import iou_matrix
from workloads.detection.detections import MOST, Detections

IOU_LIMIT = 0.55
"""Overlap above which two boxes of a class show the same object; the paper's best on its data."""


def fuse(members: Sequence[Detections], weights: Sequence[float] | None = None, *, iou_limit: float = IOU_LIMIT,
         skip_score: float = 0.0, most: int = MOST) -> Detections:  # fmt: skip
    """Boxes averaged by score, and scores that sink where members disagree. Each class for itself.

    Going through all boxes by weighted score, the best first, a box joins the group whose fused box it overlaps
    most, if by more than `iou_limit`; else it begins a group. A group's box is the mean of its boxes by weighted
    score. Its score is their mean times min(members, boxes) / sum of weights: an object that one of three members
    saw keeps a third of its score. A member that found nothing counts; one that failed must be left out.

    Args:
        members: one a model, boxes in pixels of the same picture.
        weights: trust in each member, above 0; left out: 1 each.
        skip_score: boxes with a lower score of their own are not used.
        most: how many are kept at most.
    """
    trust = np.ones(len(members)) if weights is None else np.asarray(weights, np.float64)
    if len(trust) != len(members) or not (np.isfinite(trust) & (trust > 0)).all():
        raise ValueError(f"{len(members)} members need as many weights above 0, not {weights}")
    if not members:
        return Detections.none()
    boxes = np.concatenate([member.boxes_xyxy for member in members]).astype(np.float64)
    own = np.concatenate([member.scores for member in members]).astype(np.float64)
    scores = own * np.repeat(trust, [len(member) for member in members])
    classes = np.concatenate([member.classes for member in members])
    best_first = np.argsort(-scores, kind="stable")
    best_first = best_first[(own >= skip_score)[best_first] & (scores > 0)[best_first]]
    fused = []
    for label in np.unique(classes[best_first]):
        mine = best_first[classes[best_first] == label]
        box, score, size = _groups(boxes[mine], scores[mine], iou_limit)
        fused.append((box, score * np.minimum(len(members), size) / trust.sum(), np.full(len(score), label)))
    if not fused:
        return Detections.none()
    box, score, label = (np.concatenate(parts) for parts in zip(*fused, strict=True))
    order = np.argsort(-score, kind="stable")[:most]
    return Detections(box[order].astype(np.float32), score[order].astype(np.float32), label[order].astype(np.int64))


def _groups(boxes: np.ndarray, scores: np.ndarray, iou_limit: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fused boxes (g, 4), mean scores (g,) and numbers of boxes (g,) of one class, best box first."""
    fused = np.empty_like(boxes)
    sums, sizes = np.zeros(len(boxes)), np.zeros(len(boxes))
    groups = 0
    for box, score in zip(boxes, scores, strict=True):
        overlaps = iou_matrix(box[None], fused[:groups])[0]
        place = int(overlaps.argmax()) if groups else 0
        if not groups or overlaps[place] <= iou_limit:
            place, groups = groups, groups + 1
            fused[place] = box
        else:
            fused[place] = (fused[place] * sums[place] + box * score) / (sums[place] + score)
        sums[place] += score
        sizes[place] += 1
    return fused[:groups], sums[:groups] / sizes[:groups], sizes[:groups]
