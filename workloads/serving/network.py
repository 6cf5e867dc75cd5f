"""One ONNX network of a detector: images to predictions that are numbers, or a failure with its reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workloads.serving.gate import Feed, Gate, Ticket, TooLate

IMAGES, PREDICTIONS, MASKS = "images", "predictions", "mask_"
"""Names in the graph; inputs that begin with MASKS take which features are left out (workloads/yolox/mc_dropout.py)."""


class ModelFailed(Exception):
    """No predictions. `reason` is a word for callers and metrics, the message is for people."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason


class Network:
    """A session behind its gate.

    Raises ValueError where the graph is none of a detector of `classes` classes.
    """

    def __init__(self, session: Any, classes: int, *, calls: int = 1, batch: int = 1):
        inputs = {one.name: one for one in session.get_inputs()}
        outputs = {one.name: one.shape for one in session.get_outputs()}
        if IMAGES not in inputs or PREDICTIONS not in outputs:
            raise ValueError(f"the graph goes from {sorted(inputs)} to {sorted(outputs)}, not images to predictions")
        shape, width = list(inputs[IMAGES].shape), outputs[PREDICTIONS][-1]
        if len(shape) != 4 or shape[1] != 3 or not all(isinstance(side, int) for side in shape[2:]):
            raise ValueError(f"its input images is {shape}; a detector's is (n, 3, height, width)")
        if isinstance(width, int) and width != 5 + classes:
            raise ValueError(f"it knows {width - 5} classes, features.json names {classes}")
        self.input_size = (int(shape[2]), int(shape[3]))
        self._features = {name: int(one.shape[1]) for name, one in inputs.items() if name.startswith(MASKS)}
        self._session, self._width = session, 5 + classes
        self._type = np.float16 if "float16" in inputs[IMAGES].type else np.float32
        self.gate = Gate(self._call, slots=calls, most_rows=1 if self._features else batch)

    @property
    def has_dropout(self) -> bool:
        return bool(self._features)

    def predict(self, images: np.ndarray, ticket: Ticket) -> np.ndarray:
        """(n, 3, H, W) float32 to (n, cells, 5 + C) float32. Raises ModelFailed, TooLate."""
        return self._checked(self._run({IMAGES: images}, ticket), len(images))

    def sample(self, image: np.ndarray, ticket: Ticket, *, samples: int, dropout: float, seed: int) -> np.ndarray:
        """(1 + samples, cells, 5 + C): one image as it is, then with other features left out each time.

        Raises ModelFailed, TooLate.
        """
        numbers = np.random.default_rng(seed)
        feed = {IMAGES: image}
        for name, features in self._features.items():
            mask = (numbers.random((1 + samples, features, 1, 1)) >= dropout).astype(np.float32) / (1 - dropout)
            mask[0] = 1
            feed[name] = mask.astype(np.float32)
        return self._checked(self._run(feed, ticket), 1 + samples)

    def try_out(self, ticket: Ticket) -> None:
        """Predict a grey image. Raises ModelFailed, TooLate."""
        grey = np.full((1, 3, *self.input_size), 114, np.float32)
        if self.has_dropout:
            self.sample(grey, ticket, samples=1, dropout=0.1, seed=0)
        else:
            self.predict(grey, ticket)

    def _run(self, feed: Feed, ticket: Ticket) -> np.ndarray:
        try:
            return self.gate.run(feed, ticket)
        except TooLate:
            raise
        except Exception as failed:  # onnxruntime's own classes share no base
            if ticket.given_up:
                raise TooLate from failed  # stopped on our own demand
            raise ModelFailed("model_failed", str(failed).splitlines()[0][:300] if str(failed) else repr(failed)) from (
                failed
            )

    def _call(self, feed: Feed, stop_with: Callable[[Callable[[], None]], None]) -> np.ndarray:
        import onnxruntime

        options = onnxruntime.RunOptions()
        stop_with(lambda: setattr(options, "terminate", True))
        given = {name: array if array.dtype == self._type else array.astype(self._type) for name, array in feed.items()}
        return np.asarray(self._session.run([PREDICTIONS], given, options)[0])

    def _checked(self, predictions: np.ndarray, rows: int) -> np.ndarray:
        if predictions.ndim != 3 or predictions.shape[0] != rows or predictions.shape[2] != self._width:
            raise ModelFailed("model_failed", f"the network answered {predictions.shape} for {rows} images")
        scores = predictions[..., 4:]
        # The sum in double precision is finite exactly where all are; quicker than asking each. A box may be infinite
        # where nothing was seen anyway: exp() of an untrained cell. Where something was, `boxes_of` asks.
        if not np.isfinite(scores.sum(dtype=np.float64)):
            raise ModelFailed("no_number", "the network's scores are no finite numbers")
        return predictions.astype(np.float32, copy=False)


def check_boxes(predictions: np.ndarray, score: float) -> None:
    """Raises ModelFailed where a cell of (cells, 5 + C) that may be told has a box or a score that cannot be."""
    told = predictions[predictions[:, 4] >= score]
    if not np.isfinite(told[:, :4]).all():
        raise ModelFailed("no_number", "the network's boxes are no finite numbers")
    if told.size and not (told[:, 4:].min() >= 0 and told[:, 4:].max() <= 1 + 1e-3):  # float16 rounds up
        raise ModelFailed("no_score", "the network's scores are not between 0 and 1")
