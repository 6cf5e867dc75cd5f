"""What can be wrong with a KITTI file, said with the file, the line and the field.

UserError                the requester's mistake, as everywhere in `workloads`
  BadFile                a file that does not hold what KITTI's rules say
"""

from __future__ import annotations

from pathlib import Path

from workloads.contract import UserError


class BadFile(UserError):
    """One file of the user's is wrong; the message is one line and says where."""

    def __init__(self, path: Path | str, reason: str, *, line: int | None = None, field: str | None = None) -> None:
        self.path, self.reason, self.line, self.field = Path(path), reason, line, field
        place = [str(path), f"line {line}" if line else "", f"field {field}" if field else ""]
        super().__init__(", ".join(filter(None, place)) + f": {reason}")
