"""SIGTERM: Spot capacity is taken back, or somebody stops the job. The step is finished, the state saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

EXIT_CODE = 128 + signal.SIGTERM
"""As a shell has it. SageMaker starts an interrupted Spot job again, with its checkpoints in place."""


class Interrupted(SystemExit):
    """The state is saved; the process ends with EXIT_CODE and no failure message."""

    def __init__(self) -> None:
        super().__init__(EXIT_CODE)


class Interrupt:
    """`with Interrupt() as interrupt:` notes SIGTERM instead of dying of it."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
                 ) -> None:  # fmt: skip
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
