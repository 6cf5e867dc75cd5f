"""The state of a training on disk: written whole or not at all, checked when read, the last two kept.

SageMaker copies `/opt/ml/checkpoints` to S3 while a Spot job runs and back when it is started again. A name like
`checkpoint-1a2b3c4d-00001234-0123456789abcdef.pt` says which training it belongs to, how far that was, and what the
file hashes to.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

from workloads.contract import log

KEPT = 2
_NAME = re.compile(r"checkpoint-(?P<training>[0-9a-f]{8})-(?P<step>\d{8})-(?P<digest>[0-9a-f]{16})\.pt")


class Checkpoints:
    """The checkpoints of one training in a folder."""

    def __init__(self, folder: Path, identity: str) -> None:
        """`identity`: text of all that must be equal for a state to be continued."""
        self._folder = folder
        self._training = hashlib.sha256(identity.encode()).hexdigest()[:8]

    def save(self, state: dict[str, Any], step: int) -> Path:
        """Write `state` (tensors, numbers, text, lists, dicts) and forget all but the last KEPT.

        `step` grows from one state of the training to the next.
        """
        import torch

        self._folder.mkdir(parents=True, exist_ok=True)
        half = self._folder / f".{self._training}.part"
        with half.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        path = self._folder / f"checkpoint-{self._training}-{step:08d}-{_digest(half)}.pt"
        os.replace(half, path)
        for old in self.newest_first()[KEPT:]:
            old.unlink(missing_ok=True)
        return path

    def load(self) -> dict[str, Any] | None:
        """The newest state that is whole; damaged files are told of and removed. None: there is none."""
        import torch

        for path in self.newest_first():
            known = _NAME.fullmatch(path.name)
            if known is None or known["digest"] != _digest(path):
                log("A checkpoint is damaged; taking the one before", level="WARNING", file=path.name)
                path.unlink(missing_ok=True)  # it must not count among those that are kept
                continue
            return torch.load(path, map_location="cpu", weights_only=True)
        return None

    def newest_first(self) -> list[Path]:
        """The files of this training."""
        found = self._folder.glob(f"checkpoint-{self._training}-*.pt") if self._folder.is_dir() else []
        return sorted(found, key=lambda path: path.name, reverse=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
