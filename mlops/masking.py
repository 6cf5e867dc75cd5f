"""Secrets that this process has read, taken out of whatever it says: the net below what is never said on purpose.

Libraries quote what they could not use: an address that is none, a header that cannot be sent.
"""

from __future__ import annotations

import json
import re
from typing import Any

MASK = "***"
_SHORTEST = 8
"""A shorter value is no secret worth the name, and would be found in every other word."""
_MOST = 200
"""Values that are remembered, the latest: a rotation leaves the ones before useless."""
_NAMES = re.compile(r"key|pass|secret|token|url|webhook", re.IGNORECASE)

_known: dict[str, None] = {}


def remember(secret: str) -> None:
    """Mask `secret` from now on; of one that is JSON, each text whose name says that it is secret."""
    try:
        document = json.loads(secret)
    except ValueError:
        document = None
    for value in list(_texts(document)) if isinstance(document, dict) else [secret, *_quoted(secret)]:
        if len(value.strip()) >= _SHORTEST:
            _known.pop(value.strip(), None)
            _known[value.strip()] = None
    while len(_known) > _MOST:
        del _known[next(iter(_known))]


def masked(text: str) -> str:
    """`text` with MASK where a remembered secret stood."""
    for value in sorted(_known, key=len, reverse=True):
        if value in text:
            text = text.replace(value, MASK)
    return text


def _texts(document: Any, name: str = "") -> list[str]:
    if isinstance(document, dict):
        return [text for key, value in document.items() for text in _texts(value, f"{name} {key}")]
    return [document] if isinstance(document, str) and _NAMES.search(name) else []


def _quoted(text: str) -> list[str]:
    """What stands between quotes in a document that cannot be read."""
    return re.findall(r'"([^"\s]{16,})"', text)
