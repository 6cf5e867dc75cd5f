"""Tokens of connections as HTTP headers."""

from __future__ import annotations

import re

from airflow.sdk.exceptions import AirflowFailException

_TOKEN = re.compile(r"[\x20-\x7e]+")


def bearer(token: str | None, connection: str) -> str:
    """The value of `Authorization`. White space around the token is taken off: a file that was read ends in some.

    Raises:
        AirflowFailException: it cannot be a header. HTTP clients would say so too, and quote it.
    """
    text = (token or "").strip()
    if not _TOKEN.fullmatch(text):
        raise AirflowFailException(
            f"The token in connection {connection} is empty or holds characters that no token has; put it again."
        )
    return f"Bearer {text}"
