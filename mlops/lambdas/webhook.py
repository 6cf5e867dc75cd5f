"""GitHub's webhook: a signed delivery becomes a hint in a queue. Polling stays the truth, so a lost hint loses nothing.

A hint names an issue and nothing else; a delivery that is replayed makes intake look once more, and start nothing.
Standard library and boto3 only: it starts in a moment.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from mlops.telemetry.lines import tell

BODY_LIMIT = 1_000_000
"""Bytes. GitHub sends up to 25 MB; an issue of the length that we read fits many times."""
EVENTS = frozenset({"issues", "issue_comment"})
_REMEMBERED = 1000
_SECRET_AGE_S = 300.0
_RETRY_AGE_S = 15.0


@dataclass
class Receiver:
    """Judges deliveries. `read_secret` and `send` are the two ways out."""

    read_secret: Callable[[], str]
    send: Callable[[dict[str, Any]], None]
    clock: Callable[[], float] = time.monotonic
    _secret: str = ""
    _read_at: float = 0.0
    _seen: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """(status, word). Nothing of the body is parsed before its signature was found right."""
        given = {name.lower(): value for name, value in headers.items()}
        if len(body) > BODY_LIMIT:
            return 413, f"at most {BODY_LIMIT} bytes"
        if not self._is_signed(given.get("x-hub-signature-256", ""), body):
            return 401, "wrong signature"
        if given.get("x-github-event") not in EVENTS:
            return 202, "ignored"
        try:
            hint = read_hint(given, json.loads(body))
        except (ValueError, KeyError, TypeError):
            return 400, "not a delivery of GitHub's"
        if hint["delivery"] in self._seen:
            return 202, "known"
        self.send(hint)
        self._remember(hint["delivery"])
        return 202, "accepted"

    def _is_signed(self, signature: str, body: bytes) -> bool:
        if _matches(self._current_secret(_SECRET_AGE_S), signature, body):
            return True
        # It may have been rotated meanwhile; strangers must not make us ask at each of their tries.
        return bool(signature) and _matches(self._current_secret(_RETRY_AGE_S), signature, body)

    def _current_secret(self, oldest_s: float) -> str:
        if not self._secret or self.clock() - self._read_at > oldest_s:
            self._secret, self._read_at = self.read_secret(), self.clock()
        return self._secret

    def _remember(self, delivery: str) -> None:
        self._seen[delivery] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


def _matches(secret: str, signature: str, body: bytes) -> bool:
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))


def read_hint(headers: Mapping[str, str], payload: Mapping[str, Any]) -> dict[str, Any]:
    """Raises KeyError, TypeError or ValueError where the payload is none of an issue."""
    return {
        "delivery": str(headers["x-github-delivery"])[:100],
        "event": headers["x-github-event"],
        "action": str(payload["action"])[:100],
        "repository": str(payload["repository"]["full_name"])[:200],
        "issue": int(payload["issue"]["number"]),
    }


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """What API Gateway (HTTP API, payload 2.0) calls. Settings: `WEBHOOK_QUEUE_URL`, `API_KEYS_SECRET`."""
    text = event.get("body") or ""
    try:
        body = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()
        status, word = receiver().answer(event.get("headers") or {}, body)
    except Exception as failed:
        # GitHub shows it to the repository's owner; the next poll finds the issue all the same.
        status, word = 503, "not now"
        tell("error", "webhook", "A delivery could not be taken", status=status, error=type(failed).__name__)
    else:
        tell("info", "webhook", f"A delivery was answered: {word}", status=status)
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"status": word}),
    }


@cache
def receiver() -> Receiver:
    """One for each running instance."""
    import boto3

    queue, name = os.environ["WEBHOOK_QUEUE_URL"], os.environ.get("API_KEYS_SECRET", "mlops/api-keys")
    sqs, manager = boto3.client("sqs"), boto3.client("secretsmanager")

    def read_secret() -> str:
        keys = json.loads(manager.get_secret_value(SecretId=name)["SecretString"])
        return str(keys.get("github_webhook_secret", ""))

    def send(hint: dict[str, Any]) -> None:
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(hint))

    return Receiver(read_secret, send)
