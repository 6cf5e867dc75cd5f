"""Frames that cannot be used: each is skipped, counted and named; too many stop the job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workloads.contract import UserError, log

MAX_BAD_SHARE = 0.05
_SHOWN = 3


def _log(frame: str, reason: str) -> None:
    log("Skipped a bad frame", level="WARNING", frame=frame, reason=reason)


class BadFrames:
    """`max_share` of `total` frames may be bad; a single one never stops a job, as long as others are left."""

    def __init__(self, root: Path, total: int, max_share: float = MAX_BAD_SHARE,
                 tell: Callable[[str, str], None] = _log) -> None:  # fmt: skip
        if not 0 <= max_share <= 1:
            raise UserError(f"max_bad_share: {max_share:g} given; choose 0 to 1, such as 0.05")
        self.root, self.total, self.max_share = root, total, max_share
        self.tell = tell
        self.reasons: dict[str, str] = {}

    def __contains__(self, frame: str) -> bool:
        return frame in self.reasons

    def __len__(self) -> int:
        return len(self.reasons)

    def add(self, frame: str, mistake: UserError) -> None:
        """Skip a frame while others are still to be looked at.

        Raises:
            UserError: that is one too many; the message lists the first few, and says that there may be more.
        """
        self.add_all({frame: mistake})

    def add_all(self, mistakes: Mapping[str, UserError], *, last: bool = False) -> None:
        """Skip what was found at once; `last` where no frame is left to be looked at: then the count is final.

        Raises:
            UserError: these are too many; the message lists the first few.
        """
        new = {frame: mistake for frame, mistake in mistakes.items() if frame not in self.reasons}
        for frame, mistake in new.items():
            self.reasons[frame] = without_root(self.root, mistake)
            self.tell(frame, self.reasons[frame])
        if new and self.too_many:
            raise UserError(self._verdict(last))

    @property
    def too_many(self) -> bool:
        count = len(self.reasons)
        return count >= self.total or (count > 1 and count > self.max_share * self.total)

    def _verdict(self, last: bool) -> str:
        count = len(self.reasons)
        first = "; ".join(list(self.reasons.values())[:_SHOWN])
        if self.total == 1:
            return f"dataset: its only frame is bad: {first}"
        if count == self.total:  # no share allows that
            more = "; …" if count > _SHOWN else ""
            return f"dataset: {count} of {count} frames are bad, and none is left: {first}{more}. Mend them"
        least, stopped = ("", "") if last else ("at least ", " (stopped there)")
        return (f"dataset: {least}{count} of {self.total} frames are bad, more than max_bad_share "
                f"{self.max_share:g} allows: {first}{'; …' if count > _SHOWN else ''}{stopped}. Mend or remove "
                "them, or raise the share")  # fmt: skip

    def as_list(self) -> list[dict[str, Any]]:
        return [{"frame": frame, "reason": self.reasons[frame]} for frame in sorted(self.reasons)]


def without_root(root: Path, mistake: UserError) -> str:
    """Where a job finds its input is nobody's concern."""
    return str(mistake).replace(f"{root}/", "")
