"""The frames an endpoint was sent and what it answered, measured one by one from SageMaker's data-capture files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from workloads.detection.detections import Detections
from workloads.detection.frames import describe_frame, fingerprint
from workloads.detection.reading import on_all_cores
from workloads.drift.lines import Exchange, LeftOut, capture_files, read_exchange
from workloads.images.orientation import UPRIGHT, orientation_of
from workloads.serving import pictures
from workloads.serving.answers import Refusal
from workloads.serving.media import bare

MOST_LINES = 3000
"""Captured requests that are decoded in one check, evenly over the window: no test needs a whole day of video."""
_CHANGED = ("score", "iou", "max_detections", "classes")
"""Parameters of a request that make its answer another one than the model's usual; so does Monte Carlo dropout."""


@dataclass(frozen=True)
class Place:
    """Where a frame lies: a line of a capture file, and which image of that request."""

    path: Path
    offset: int
    """Bytes."""
    image: int = 0


@dataclass(frozen=True)
class Answer:
    """What the endpoint said about one frame."""

    found: Detections
    fallback: str = ""
    """The reason, where the caller was told not to rely on the boxes."""
    agreement: float | None = None
    """0 to 1: of several looks or of several models, where there were several."""
    is_usual: bool = True
    """Not asked for with another threshold, or for some classes only."""

    @property
    def has_boxes(self) -> bool:
        """What was found is known: a fallback without an answer is not an empty road."""
        return self.fallback in ("", "uncertain")


@dataclass(frozen=True)
class CapturedFrame:
    """One picture of the traffic."""

    place: Place
    moment: str
    size: tuple[int, int]
    """(height, width) in pixels."""
    facts: dict[str, float]
    """`frames.describe_frame`."""
    looks: int
    """`frames.fingerprint`."""
    answer: Answer | None
    """None where it was not captured or cannot be read."""


@dataclass
class Traffic:
    """All that was read."""

    frames: list[CapturedFrame] = field(default_factory=list)
    lines: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """Lines left out, by reason."""


def read_traffic(folder: Path, classes: Sequence[str], own_requests: str = "", most: int = MOST_LINES) -> Traffic:
    """Every captured frame below `folder`, or those of `most` lines. What cannot be read is counted, never fatal."""
    traffic = Traffic()
    places = list(_lines(folder))
    traffic.lines = len(places)
    if len(places) > most:
        traffic.skipped["not_sampled"] = len(places) - most
        places = [places[at] for at in np.linspace(0, len(places) - 1, most).round().astype(int)]
    order = {name: number for number, name in enumerate(classes)}
    for frames, reasons in on_all_cores(lambda place: _measure(place, order, own_requests), places):
        traffic.frames += frames
        traffic.skipped.update(reasons)
    return traffic


def pixels_at(place: Place) -> np.ndarray:
    """(h, w, 3) uint8 BGR of a frame that was read before."""
    return picture_at(place)[0]


def picture_at(place: Place) -> tuple[np.ndarray, int]:
    """((h, w, 3) uint8 BGR, orientation tag) of a frame that was read before, as stored."""
    exchange = read_exchange(_line_at(place))
    found, _ = _pictures(exchange)
    is_array = _kind(exchange) == pictures.TENSOR
    return found[place.image].pixels, UPRIGHT if is_array else orientation_of(_files(exchange)[0][place.image])


def _lines(folder: Path) -> Iterator[Place]:
    for path in capture_files(folder):
        offset = 0
        with path.open("rb") as file:
            for line in file:
                if line.strip():
                    yield Place(path, offset)
                offset += len(line)


def _line_at(place: Place) -> bytes:
    with place.path.open("rb") as file:
        file.seek(place.offset)
        return file.readline()


def _measure(place: Place, order: dict[str, int], own: str) -> tuple[list[CapturedFrame], list[str]]:
    """(frames, reasons for what was left out) of one line."""
    try:
        exchange = read_exchange(_line_at(place), own)
        images, wishes = _pictures(exchange)
    except LeftOut as left_out:
        return [], [str(left_out)]
    answers: list[Answer | None]
    reasons = []
    try:
        answers = [*_answers(exchange, wishes, order, len(images))]
    except (ValueError, KeyError, TypeError, AttributeError):
        answers, reasons = [None] * len(images), ["unread_answer"]  # the frame still counts
    frames = [
        CapturedFrame(Place(place.path, place.offset, number), exchange.moment, picture.image_size,
                      describe_frame(picture.pixels), fingerprint(picture.pixels), answer)
        for number, (picture, answer) in enumerate(zip(images, answers, strict=True))
    ]  # fmt: skip
    return frames, reasons


def _pictures(exchange: Exchange) -> tuple[list[pictures.Picture], dict[str, Any]]:
    """(pictures, parameters of the body) of a request. Raises LeftOut."""
    kind = _kind(exchange)
    try:
        if kind == pictures.TENSOR:
            # A float32 tensor is the network's own input: letterboxed, so that its light is no longer the camera's.
            found = pictures.from_tensor(exchange.asked, (0, 0), None)
            return found, {}
        files, wishes = _files(exchange)
        return pictures.from_files(files), wishes if isinstance(wishes, dict) else {}
    except Refusal as refused:
        raise LeftOut("tensor" if kind == pictures.TENSOR else "refused_request") from refused


def _kind(exchange: Exchange) -> bytes:
    return bare(exchange.asked_kind.encode("latin-1", "replace"))


def _files(exchange: Exchange) -> tuple[list[bytes], Any]:
    """(picture files, parameters of the body) of a request that is no array. Raises Refusal."""
    if _kind(exchange) in (pictures.SEVERAL, b"json"):
        return pictures.instances(exchange.asked)
    return [exchange.asked], {}


def _answers(exchange: Exchange, wishes: dict[str, Any], order: dict[str, int], count: int) -> Iterator[Answer]:
    """Raises ValueError, KeyError, TypeError or AttributeError: not a detector's answer to so many pictures."""
    if exchange.answered is None:
        raise ValueError("no answer")
    told = orjson.loads(exchange.answered)["predictions"]
    if len(told) != count:
        raise ValueError(f"{len(told)} predictions for {count} pictures")
    asked = dict(part.replace(" ", "").partition("=")[::2] for part in exchange.attributes.split(";")) | wishes
    is_usual = asked.get("uncertainty") != "mc_dropout" and not any(name in asked for name in _CHANGED)
    for one in told:
        rows = one["detections"]
        found = Detections(
            np.array([row["box"] for row in rows], np.float32).reshape(len(rows), 4),
            np.array([row["score"] for row in rows], np.float32),
            np.array([order[row["class"]] for row in rows], np.int64),
        )
        if not (np.isfinite(found.boxes_xyxy).all() and np.isfinite(found.scores).all()):
            raise ValueError("a box or a score is no number")
        reason = str(one.get("reason") or "unknown") if one["fallback"] else ""
        agreement = one.get("agreement")
        yield Answer(found, reason, None if agreement is None else float(agreement), is_usual)
