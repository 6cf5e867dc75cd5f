"""How fast an epoch goes, for people: a bar where somebody looks, else a line every few seconds."""

from __future__ import annotations

import sys
import time
from typing import Any

from workloads.contract import log

EVERY_S = 10.0


class Pace:
    """One epoch of `steps` steps. Only the first process speaks."""

    def __init__(self, epoch: int, epochs: int, steps: int, begun_at: int, batch_size: int, speaks: bool) -> None:
        """`epoch` from 1; `begun_at`: the first step of this start, more than 0 after an interruption."""
        self._of, self._steps, self._first, self._batch = f"{epoch}/{epochs}", steps, begun_at, batch_size
        self._later = (epochs - epoch) * steps
        self._speaks = speaks
        self._begun = self._told = time.monotonic()
        self._bar: Any = None
        if speaks and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=steps, initial=begun_at, desc=f"Epoch {self._of}", unit="step", leave=False)

    def step(self, done: int, loss: float) -> None:
        """`done` of all steps are done."""
        if self._bar is not None:
            self._bar.update(1)
            self._bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            return
        now = time.monotonic()
        if self._speaks and now - self._told >= EVERY_S and done < self._steps:
            self._told = now
            rate = (done - self._first) / (now - self._begun)
            left = self._steps - done
            log("Training", epoch=self._of, step=f"{done}/{self._steps}", loss=round(loss, 4),
                images_per_second=round(rate * self._batch, 1), epoch_seconds_left=round(left / rate),
                seconds_left=round((left + self._later) / rate))  # fmt: skip

    def end(self, done: int) -> float:
        """Images per second since the epoch (or this start of it) began."""
        if self._bar is not None:
            self._bar.close()
        return (done - self._first) * self._batch / max(time.monotonic() - self._begun, 1e-9)
