"""How values of strangers and lists of names are put into a sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

_SHOWN = 60
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")


def quote(text: str, limit: int = _SHOWN) -> str:
    """`text` on one line, without control or direction characters, cut to `limit` characters."""
    flat = _UNPRINTABLE.sub(" ", text[: 4 * limit]).strip()
    return flat if len(flat) <= limit and len(text) <= 4 * limit else flat[: limit - 1] + "…"


def shown(value: Any) -> str:
    """A value as it may be echoed: text in quotes, so that `"32"` and 32 are told apart."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{quote(value)}"'
    if isinstance(value, dict):
        return f"a mapping of {len(value)} keys"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)  # 1.0000001 is above 1, and must look it
    return quote(str(value))


def listed(names: Iterable[object], last: str = "or") -> str:
    """`a, b or c`."""
    parts = [str(name) for name in names]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}" if parts else "nothing"


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name that `word` was probably meant to be."""
    # Longer words are no slips of the keyboard, and the comparison is quadratic.
    close = difflib.get_close_matches(word.lower(), list(names), n=1, cutoff=0.7) if len(word) <= 40 else []
    return close[0] if close else None
