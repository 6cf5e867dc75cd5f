"""A JSON file that somebody else wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workloads.contract import UserError


def read(path: Path) -> Any:
    """What a JSON file holds: UTF-8, with or without a byte order mark.

    Raises:
        UserError: the file cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as wrong:
        raise UserError(f"{path}: cannot be read: {wrong.strerror}") from wrong
    except ValueError as wrong:
        raise UserError(f"{path}: is no JSON: {wrong}") from wrong
    except RecursionError as wrong:
        raise UserError(f"{path}: lists or objects lie too deeply in one another to be read") from wrong
