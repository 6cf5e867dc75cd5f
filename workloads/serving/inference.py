"""Pictures to predictions: every network of the model asked, their answers fused, doubts told, failures said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from workloads.detection.detections import SCORE_LIMIT, Detections, from_predictions
from workloads.detection.fusion import fuse
from workloads.detection.uncertainty import LOOKS, Spread, spread
from workloads.serving.gate import Ticket
from workloads.serving.network import ModelFailed, Network, check_boxes
from workloads.serving.parameters import Parameters
from workloads.serving.pictures import Picture

_MANY = 1000
"""Boxes of one look: enough for any wish, and a bound where a network sees objects everywhere."""
_MOST_CELLS = 2000
"""The best of one look that suppression sees: it compares all with all, and a broken network answers everywhere."""
_MOST_ROWS = 8
"""Images in one call of the network for one request; a large batch is memory, not speed."""


@dataclass
class Found:
    """What is known of one request so far; written by its worker, read by the event loop when time is up."""

    pictures: Sequence[Picture] = ()
    looks: dict[str, list[list[Detections]]] = field(default_factory=dict)
    """By member: for each picture its looks, the plain one first."""
    left_out: dict[str, str] = field(default_factory=dict)
    """By member: why it gave nothing."""
    model_s: float = 0.0
    postprocess_s: float = 0.0


class Inference:
    """The networks of one model."""

    def __init__(self, members: Mapping[str, Network], dropout: Network | None, classes: Sequence[str]):
        """
        Args:
            members: by version, the model's own first.
            dropout: the own network once more, with features that can be left out.
        """
        self.members, self.dropout, self.classes = dict(members), dropout, list(classes)
        self._own = next(iter(self.members))
        self.stall_s = float("inf")
        """A call that runs longer hangs: its network is not waited for."""

    @property
    def networks(self) -> list[Network]:
        return [*self.members.values(), *([self.dropout] if self.dropout else [])]

    def expected_s(self) -> float:
        """What asking every member once would take now."""
        return sum(network.gate.expected_s() for network in self.members.values())

    def is_stalled(self) -> bool:
        """No member can be asked."""
        return all(network.gate.longest_s() > self.stall_s for network in self.members.values())

    def longest_stall_s(self) -> float | None:
        """Of the call that has been hanging longest; None where none does."""
        longest = max(network.gate.longest_s() for network in self.networks)
        return longest if longest > self.stall_s else None

    def ask(self, found: Found, wishes: Parameters, ticket: Ticket) -> None:
        """Fill in `looks` and `left_out`, member by member.

        Raises:
            ModelFailed: no member answered; the failure of the model's own network.
            TooLate: the request has been answered without.
        """
        failures = []
        for version, network in self.members.items():
            try:
                if network.gate.longest_s() > self.stall_s:
                    raise ModelFailed("stalled", "a call of the network does not come back")
                found.looks[version] = self._looks(version, network, found, wishes, ticket)
            except ModelFailed as failed:
                failures.append(failed)
                found.left_out[version] = failed.reason
        if not found.looks:
            raise failures[0]

    def _looks(
        self, version: str, network: Network, found: Found, wishes: Parameters, ticket: Ticket
    ) -> list[list[Detections]]:
        own = version == self._own
        if own and wishes.uncertainty == "mc_dropout" and self.dropout:
            return [self._sampled(self.dropout, picture, found, wishes, ticket) for picture in found.pictures]
        kinds = LOOKS if own and wishes.uncertainty == "tta" else LOOKS[:1]
        every = [(picture, *kind) for picture in found.pictures for kind in kinds]
        results: list[Detections] = []
        for begin in range(0, len(every), _MOST_ROWS):
            part = every[begin : begin + _MOST_ROWS]
            images = np.empty((len(part), 3, *network.input_size), np.float32)
            placed = [p.place(out, scale, mirrored) for out, (p, scale, mirrored) in zip(images, part, strict=True)]
            predictions = _timed(found, lambda images=images: network.predict(images, ticket))
            begun = perf_counter()
            for cells, letterbox, (_, _, mirrored) in zip(predictions, placed, part, strict=True):
                boxes = self._boxes(cells, letterbox, wishes)
                results.append(_mirrored(boxes, letterbox.image_size[1]) if mirrored else boxes)
            found.postprocess_s += perf_counter() - begun
        return [results[begin : begin + len(kinds)] for begin in range(0, len(results), len(kinds))]

    def _sampled(
        self, network: Network, picture: Picture, found: Found, wishes: Parameters, ticket: Ticket
    ) -> list[Detections]:
        image = np.empty((1, 3, *network.input_size), np.float32)
        letterbox = picture.place(image[0])
        options: dict[str, Any] = {"samples": wishes.samples, "dropout": wishes.dropout, "seed": wishes.seed}
        predictions = _timed(found, lambda: network.sample(image, ticket, **options))
        begun = perf_counter()
        looks = [self._boxes(cells, letterbox, wishes) for cells in predictions]
        found.postprocess_s += perf_counter() - begun
        return looks

    def _boxes(self, cells: np.ndarray, letterbox: Any, wishes: Parameters) -> Detections:
        """Of one look; with the weak ones where looks will be compared or fused."""
        compared = wishes.uncertainty != "none" or len(self.members) > 1
        score = min(SCORE_LIMIT, wishes.score) if compared else wishes.score
        check_boxes(cells, score)
        if np.count_nonzero(cells[:, 4] >= score) > _MOST_CELLS:
            scores = cells[:, 4] * cells[:, 5:].max(axis=1)
            cells = cells[np.sort(np.argpartition(-scores, _MOST_CELLS)[:_MOST_CELLS])]
        boxes = from_predictions(cells, letterbox, score_limit=score, iou_limit=wishes.iou, most=_MANY)
        if wishes.classes is None:
            return boxes
        keep = np.isin(boxes.classes, list(wishes.classes))
        return Detections(boxes.boxes_xyxy[keep], boxes.scores[keep], boxes.classes[keep])

    def answers(self, found: Found, wishes: Parameters) -> list[dict[str, Any]]:
        """One prediction a picture, from the members that have answered (at least one has)."""
        begun = perf_counter()
        told = [self._answer(place, found, wishes) for place in range(len(found.pictures))]
        found.postprocess_s += perf_counter() - begun
        return told

    def _answer(self, place: int, found: Found, wishes: Parameters) -> dict[str, Any]:
        firsts = [looks[place][0] for looks in found.looks.values()]
        every = [look for looks in found.looks.values() for look in looks[place]]
        if len(self.members) == 1:
            best = firsts[0].above(wishes.score)
        else:
            best = fuse(firsts, skip_score=min(wishes.score, 0.1), most=_MANY).above(wishes.score)
        best = _first(best, wishes.max_detections)
        doubts = spread(best, every, wishes.score) if len(every) > 1 else None
        told: dict[str, Any] = {
            "detections": self._told(best, doubts),
            "image_size": found.pictures[place].image_size, "fallback": False, "reason": None,
        }  # fmt: skip
        if doubts is not None:
            told["agreement"] = agreement = round(doubts.agreement(best.scores), 4)
            if agreement < wishes.min_agreement:
                detail = f"the looks agree by {agreement:g}; {wishes.min_agreement:g} is wanted"
                told |= {"fallback": True, "reason": "uncertain", "detail": detail}
        if len(self.members) > 1:
            missing = {version: "too_slow" for version in self.members if version not in found.looks}
            missing |= found.left_out
            told["ensemble"] = {"members": list(found.looks), "left_out": missing}
        return told

    def _told(self, boxes: Detections, doubts: Spread | None) -> list[dict[str, Any]]:
        scores = boxes.scores.clip(0, 1)  # of few bits, a sigmoid may round up
        rows = [
            {"box": box, "score": score, "class": self.classes[label], "class_id": label}
            for box, score, label in zip(boxes.boxes_xyxy, scores, boxes.classes.tolist(), strict=True)
        ]
        if doubts is not None:
            for row, score_std, box_std, seen in zip(
                rows, doubts.score_std, doubts.box_std_px, doubts.seen, strict=True
            ):
                row["uncertainty"] = {"score_std": score_std, "box_std_px": box_std, "seen": seen}
        return rows


def _timed(found: Found, call: Any) -> np.ndarray:
    begun = perf_counter()
    try:
        return call()  # type: ignore[no-any-return]
    finally:
        found.model_s += perf_counter() - begun


def _mirrored(boxes: Detections, width: int) -> Detections:
    """Boxes of a mirrored picture as they lie in the picture itself."""
    turned = boxes.boxes_xyxy.copy()
    turned[:, 0], turned[:, 2] = width - boxes.boxes_xyxy[:, 2], width - boxes.boxes_xyxy[:, 0]
    return Detections(turned, boxes.scores, boxes.classes)


def _first(boxes: Detections, most: int) -> Detections:
    return Detections(boxes.boxes_xyxy[:most], boxes.scores[:most], boxes.classes[:most])
