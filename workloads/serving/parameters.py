"""What a caller may ask of a detector beside the image: by JSON `parameters`, or by a header.

`X-Amzn-SageMaker-Custom-Attributes: score=0.5;uncertainty=tta` is the header; InvokeEndpoint hands it on.

| name | default | values |
|---|---|---|
| `score` | the model's | 0.001 to 1: least objectness times class score |
| `iou` | 0.65 | 0 to 1: overlap within a class above which the weaker box goes |
| `max_detections` | 100 | 1 to 1000 |
| `classes` | all | names, in the header with commas between |
| `uncertainty` | none | `none`, `tta` (test-time augmentation) or `mc_dropout` |
| `samples` | 10 | 2 to 50 looks with dropout |
| `dropout` | 0.1 | 0.01 to 0.9 of the features left out in each |
| `seed` | 0 | which features; the same seed gives the same answer |
| `min_agreement` | the model's, or 0 | 0 to 1: where several looks agree less, the answer is a fallback |
| `max_latency_ms` | the model's, or none | 1 to 55000: an answer that is not there by then is a fallback |
| `image_size` | the tensor's | `[height, width]` (header: `375x1242`) of what a float32 tensor was made of |
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workloads.detection.detections import IOU_LIMIT, MOST
from workloads.serving.answers import Refusal, bad_request

UNCERTAINTIES = ("none", "tta", "mc_dropout")
_NUMBERS: dict[str, tuple[type, float, float]] = {
    "score": (float, 0.001, 1), "iou": (float, 0, 1), "max_detections": (int, 1, 1000), "samples": (int, 2, 50),
    "dropout": (float, 0.01, 0.9), "seed": (int, 0, 2**32 - 1), "min_agreement": (float, 0, 1),
    "max_latency_ms": (float, 1, 55_000),
}  # fmt: skip
NAMES = (*_NUMBERS, "classes", "uncertainty", "image_size")


@dataclass(frozen=True)
class Parameters:
    """One request's wishes, checked."""

    score: float = 0.3
    iou: float = IOU_LIMIT
    max_detections: int = MOST
    classes: frozenset[int] | None = None
    """Places in the model's class order; None: all."""
    uncertainty: str = "none"
    samples: int = 10
    dropout: float = 0.1
    seed: int = 0
    min_agreement: float = 0.0
    max_latency_ms: float | None = None
    image_size: tuple[int, int] | None = None


class Parser:
    """Reads parameters for one model."""

    def __init__(self, defaults: Parameters, classes: Sequence[str], *, has_dropout: bool, has_members: bool):
        self._defaults, self._classes = defaults, list(classes)
        self._has_dropout, self._has_members = has_dropout, has_members

    def from_header(self, header: bytes) -> Parameters:
        """`name=value;name=value`; the defaults where it is empty. Raises Refusal (400)."""
        if not header:
            return self._defaults
        words: dict[str, Any] = {}
        for part in _as_text(header).split(";"):
            name, sign, value = (text.strip() for text in part.partition("="))
            if not name and not sign:
                continue  # a semicolon at the end
            if name == "traceparent":
                continue  # says whose trace the request belongs to, and nothing about the answer
            if not sign:
                raise _wrong(f"header X-Amzn-SageMaker-Custom-Attributes: {part[:100]!r} is no name=value", _FORM)
            if name in words:
                raise _wrong(f"{name[:100]!r} is given twice", "Give each parameter once.")
            words[name] = _unquoted(name, value)
        return self.with_changes(self._defaults, words)

    def with_changes(self, base: Parameters, changes: Any) -> Parameters:
        """`base` with the members of a JSON object. Raises Refusal (400)."""
        if not isinstance(changes, dict):
            raise _wrong("`parameters` is not an object", _FORM)
        wished = replace(base, **{name: self._checked(name, value) for name, value in changes.items()})
        if "min_agreement" in changes and wished.uncertainty == "none" and not self._has_members:
            raise _wrong("min_agreement: one look at an image cannot disagree", "Ask for uncertainty tta, too.")
        return wished

    def _checked(self, name: str, value: Any) -> Any:
        if name in _NUMBERS:
            return _number(name, value, *_NUMBERS[name])
        if name == "classes":
            return self._places(value)
        if name == "uncertainty":
            return self._uncertainty(value)
        if name == "image_size":
            return _size(value)
        near = difflib.get_close_matches(name[:100], NAMES, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise _wrong(f"{name[:100]!r} is no parameter", f"{hint}There are: {', '.join(NAMES)}.", "unknown_parameter")

    def _places(self, value: Any) -> frozenset[int]:
        if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
            raise _wrong("classes: a list of names is needed", f"The classes are: {', '.join(self._classes)}.")
        for name in value:
            if name not in self._classes:
                message = f"classes: {name[:100]!r} is unknown to this model"
                raise _wrong(message, f"The classes are: {', '.join(self._classes)}.")
        return frozenset(self._classes.index(name) for name in value)

    def _uncertainty(self, value: Any) -> str:
        if value not in UNCERTAINTIES:
            raise _wrong(f"uncertainty: {value!r:.100} given", f"Choose one of: {', '.join(UNCERTAINTIES)}.")
        if value == "mc_dropout" and not self._has_dropout:
            raise _wrong("uncertainty: this model was packaged without model_mc.onnx, which mc_dropout needs",
                         "Ask for uncertainty tta, or package the model with it.", "no_dropout")  # fmt: skip
        return str(value)


def _as_text(header: bytes) -> str:
    """UTF-8, as classes may be named in, or Latin-1, as HTTP once had it."""
    try:
        return header.decode("utf-8")
    except UnicodeDecodeError:
        return header.decode("latin-1")


_FORM = "Send `parameters` as a JSON object, or the header as name=value;name=value; see /openapi.json."


def _unquoted(name: str, value: str) -> Any:
    """A header's text as JSON would have it; text that is none of its parameter stays text, and is refused as such."""
    if name == "classes":
        return [part.strip() for part in value.split(",")]
    if name == "image_size":
        return [_plain_number(int, part) for part in value.lower().split("x")]
    return _plain_number(_NUMBERS[name][0], value) if name in _NUMBERS else value


def _plain_number(kind: type, text: str) -> Any:
    try:
        return kind(text) if text.isascii() and "_" not in text else text
    except ValueError:
        return text


def _number(name: str, value: Any, kind: type, low: float, high: float) -> float | int:
    """Of the right kind and within its limits; NaN is in no limits."""
    fits = isinstance(value, int) if kind is int else isinstance(value, int | float)
    if isinstance(value, bool) or not fits or not low <= value <= high:
        article = "a whole number" if kind is int else "a number"
        raise _wrong(f"{name}: {value!r:.100} given", f"Give {article} from {low:g} to {high:.10g}.")
    return kind(value)


def _size(value: Any) -> tuple[int, int]:
    whole = isinstance(value, list) and len(value) == 2 and all(type(side) is int for side in value)
    if not whole or not all(1 <= side <= 65_535 for side in value):
        remedy = "Give [height, width] in pixels, each 1 to 65535; in the header as 375x1242."
        raise _wrong(f"image_size: {value!r:.100} given", remedy)
    return value[0], value[1]


def _wrong(message: str, remedy: str, code: str = "bad_parameter") -> Refusal:
    return bad_request(code, message, remedy)


def defaults_of(deployment: Mapping[str, Any]) -> Parameters:
    """The model's own defaults, as the run's `deployment` set them. Raises Refusal where no caller could send one."""
    names = {"score_threshold": "score", "max_latency_ms": "max_latency_ms", "min_agreement": "min_agreement"}
    given = {ours: deployment[theirs] for theirs, ours in names.items() if deployment.get(theirs) is not None}
    changes: dict[str, Any] = {name: _number(name, value, *_NUMBERS[name]) for name, value in given.items()}
    return replace(Parameters(), **changes)
