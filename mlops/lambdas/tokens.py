"""Tokens of the MCP server, signed anew with another key: JSON Web Tokens with HS256, in the standard library.

The server itself mints and checks with PyJWT (`mcp_bridge/auth.py`), which Lambda's runtime does not have.
Source: RFC 7515, RFC 7519.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import Any

_HEADER = {"alg": "HS256", "typ": "JWT"}


class NotOurs(Exception):
    """No key of ours made this signature, it is no token at all, or its time is over."""


def renewed(token: str, keys: Iterable[str], key: str, now: float) -> str:
    """`token` for as long as it was made for, counted from `now`, signed with `key`; all other claims stay.

    Args:
        keys: one of them must have signed it: whoever may write where tokens lie may not choose what we sign.

    Raises:
        NotOurs.
    """
    claims = _claims(token, keys)
    lasts = int(claims["exp"]) - int(claims["iat"])
    if lasts <= 0 or claims["exp"] <= now:
        raise NotOurs("its time is over")
    return _signed({**claims, "iat": int(now), "exp": int(now) + lasts}, key)


def ends(token: str, keys: Iterable[str]) -> float:
    """When it expires, in seconds since 1970. Raises NotOurs."""
    return float(_claims(token, keys)["exp"])


def _claims(token: str, keys: Iterable[str]) -> dict[str, Any]:
    try:
        header, body, signature = token.split(".")
        # Only our own algorithm: a token must not choose how it is checked.
        if json.loads(_unpacked(header)).get("alg") != _HEADER["alg"]:
            raise NotOurs("it names another algorithm")
        made = _unpacked(signature)
        if not any(hmac.compare_digest(made, _signature(f"{header}.{body}", key)) for key in keys):
            raise NotOurs("no key of ours signed it")
        claims = json.loads(_unpacked(body))
        if not all(isinstance(claims[name], int | float) for name in ("iat", "exp")):
            raise NotOurs("it does not say how long it lasts")
        return dict(claims)
    except (ValueError, TypeError, KeyError, AttributeError):
        # Not from it: what cannot be read would be quoted.
        raise NotOurs("it is no token") from None


def _signed(claims: dict[str, Any], key: str) -> str:
    content = ".".join(_packed(json.dumps(part, separators=(",", ":")).encode()) for part in (_HEADER, claims))
    return f"{content}.{_packed(_signature(content, key))}"


def _signature(content: str, key: str) -> bytes:
    return hmac.new(key.encode(), content.encode("ascii", "replace"), hashlib.sha256).digest()


def _packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
