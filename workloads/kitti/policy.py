"""What becomes of each type of KITTI's: a class to learn, a region to ignore, or left out. Never silently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

from workloads.contract import UserError

DEFAULT_CLASSES = ("Car", "Pedestrian", "Cyclist")
SIMILAR = {"van": "car", "person_sitting": "pedestrian"}
"""Types that KITTI's own evaluation neither demands nor punishes for their neighbour's class."""
DONT_CARE = "dontcare"


class Use(IntEnum):
    """What an annotation says of a row."""

    LEFT_OUT, OBJECT, IGNORE, IGNORE_ALL = range(4)


SENTENCES = {
    Use.LEFT_OUT: "left out: neither learnt nor ignored, a detection of it counts as false",
    Use.OBJECT: "learnt",
    Use.IGNORE: "ignore region (iscrowd 1) of one class",
    Use.IGNORE_ALL: "ignore region (iscrowd 1), once for every class: COCO's evaluators match within a class",
}


@dataclass(frozen=True)
class ClassPolicy:
    """`classes` in order are the categories 1, 2, …; case does not matter, as in KITTI's evaluator."""

    classes: tuple[str, ...] = DEFAULT_CLASSES
    similar: Literal["ignore", "merge", "drop"] = "ignore"
    dont_care: Literal["ignore", "drop"] = "ignore"

    def __post_init__(self) -> None:
        lowered = [name.lower() for name in self.classes]
        if not lowered or not all(name.strip() for name in lowered):
            raise UserError("classes: name at least one, such as Car,Pedestrian,Cyclist")
        if double := next((name for name in self.classes if lowered.count(name.lower()) > 1), None):
            raise UserError(f"classes: {double} is named twice (case does not matter)")
        if DONT_CARE in lowered:
            raise UserError("classes: DontCare marks regions nobody labelled; it cannot be a class. Leave it out: "
                            "preprocessing.dont_care says whether such regions are ignored or dropped")  # fmt: skip
        if self.similar not in ("ignore", "merge", "drop"):
            raise UserError(f"similar_classes: {self.similar!r} given; choose ignore, merge or drop")
        if self.dont_care not in ("ignore", "drop"):
            raise UserError(f"dont_care: {self.dont_care!r} given; choose ignore or drop")

    def category(self, name: str) -> int:
        """The id of a class, from 1; 0 where it is none."""
        lowered = [one.lower() for one in self.classes]
        return lowered.index(name.lower()) + 1 if name.lower() in lowered else 0

    def of(self, word: str) -> tuple[Use, int]:
        """(use, category id) of a type as it is written; the id is 0 unless the use has one class."""
        own = self.category(word)
        if own:
            return Use.OBJECT, own
        if word.lower() == DONT_CARE:
            return (Use.IGNORE_ALL if self.dont_care == "ignore" else Use.LEFT_OUT), 0
        neighbour = self.category(SIMILAR.get(word.lower(), ""))
        if neighbour and self.similar != "drop":
            return (Use.OBJECT if self.similar == "merge" else Use.IGNORE), neighbour
        return Use.LEFT_OUT, 0

    def learnt(self, boxes: Mapping[str, int]) -> dict[str, int]:
        """{class: boxes to learn} of {type: boxes}."""
        counts = dict.fromkeys(self.classes, 0)
        for word, count in boxes.items():
            use, category = self.of(word)
            if use is Use.OBJECT:
                counts[self.classes[category - 1]] += count
        return counts

    def report(self, boxes: Mapping[str, int]) -> dict[str, Any]:
        """What the policy did, for people: {type: {boxes, use, as}} over the types the data hold."""
        types = {}
        for word in sorted(boxes, key=lambda one: (-boxes[one], one)):
            use, category = self.of(word)
            types[word] = {"boxes": boxes[word], "use": use.name.lower(), "meaning": SENTENCES[use],
                           "as": self.classes[category - 1] if category else None}  # fmt: skip
        return {"classes": list(self.classes), "similar_classes": self.similar, "dont_care": self.dont_care,
                "types": types}  # fmt: skip
