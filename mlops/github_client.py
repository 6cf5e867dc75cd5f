"""PyGithub, made patient: the token fetched late, waits obeyed, no write sent twice, foreign errors translated once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from typing import Any

import github
import requests
from github import Auth, GithubException
from github.GithubException import RateLimitExceededExceedsMaxWait, RateLimitExceededException
from github.GithubRetry import GithubRetry

from mlops.errors import Conflict, MlopsError, RequestRefused, Unavailable

LONGEST_WAIT_S = 120.0
"""Told to wait longer, we give up with Unavailable: the caller's own retry is cheaper than a blocked worker."""
TOKEN_AGE_S = 300.0
_TIMEOUT_S = 30
_PASSING = ("Something went wrong while executing your query", "RATE_LIMITED", "API rate limit")
"""GraphQL says with status 200 that it was too busy."""


class SecretToken(Auth.Auth):
    """A token known by reference: fetched when first needed, and again every five minutes or after a refusal."""

    def __init__(self, fetch: Callable[[], str]):
        self._fetch = fetch
        self._token = ""
        self._fetched_at = 0.0
        self._lock = threading.Lock()

    @property
    def token_type(self) -> str:
        return "token"

    @property
    def token(self) -> str:
        with self._lock:
            if not self._token or time.monotonic() - self._fetched_at > TOKEN_AGE_S:
                self._token, self._fetched_at = self._fetch().strip(), time.monotonic()
            return self._token

    def forget(self) -> None:
        """Fetch anew next time: the token was refused, perhaps because it was rotated."""
        self._token = ""


class PatientRetry(GithubRetry):
    """Obeys `Retry-After` and the rate-limit reset; never repeats a POST that may have taken effect."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        # A 5xx after a POST is ambiguous: the comment may stand. Whoever posts looks before posting again.
        if method == "POST" and status_code >= 500:
            return False
        return super().is_retry(method, status_code, has_retry_after)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> Any:
        if error is not None and method == "POST" and self._is_read_error(error):
            raise error
        told = response.headers.get("Retry-After", "") if response is not None else ""
        if told.isdigit() and float(told) > LONGEST_WAIT_S:
            raise RateLimitExceededExceedsMaxWait(response.status, None, dict(response.headers), wait=float(told))
        return super().increment(method, url, response, error, _pool, _stacktrace)


def connect(api_url: str, auth: Auth.Auth) -> github.Github:
    """A client for one thread; objects are lazy, so naming a repository or an issue costs no request."""
    retry = PatientRetry(
        total=4,
        backoff_factor=0.3,
        backoff_jitter=0.3,
        secondary_rate_wait=60,
        max_rate_limit_wait=LONGEST_WAIT_S,
        allowed_methods=frozenset({"GET", "HEAD", "PUT", "DELETE", "PATCH", "POST"}),
    )
    return github.Github(
        auth=auth,
        base_url=api_url.rstrip("/"),
        retry=retry,
        timeout=_TIMEOUT_S,
        per_page=100,
        lazy=True,
        user_agent="github-driven-mlops",
        # We obey what the server says instead of guessing a pace; one comment a run keeps us far below the limits.
        seconds_between_requests=0,
        seconds_between_writes=0,
    )


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Turn PyGithub's and requests' errors into ours; the message says what was being done.

    Raises:
        Unavailable: no connection, a time-out, 5xx, an answer that broke off, or a rate limit that lasts too long.
        Conflict: 409, or a branch that moved (`STALE_DATA`).
        RequestRefused: anything else GitHub refused, 401, 403 and 404 among them.
    """
    try:
        yield
    except MlopsError:
        raise
    except RateLimitExceededExceedsMaxWait as limited:
        raise Unavailable(f"Could not {action}: GitHub asks to wait {limited.wait or 0:.0f} s.") from limited
    except RateLimitExceededException as limited:
        raise Unavailable(f"Could not {action}: GitHub's rate limit is used up.") from limited
    except GithubException as error:
        text = f"Could not {action}: {error.status} {_message(error)}"
        if error.status == 409 or "STALE_DATA" in str(error.data) or "Expected branch to point to" in str(error.data):
            raise Conflict(text) from error
        if error.status in {0, 408, 429} or error.status >= 500 or any(word in text for word in _PASSING):
            raise Unavailable(text) from error
        raise RequestRefused(text) from error
    except JSONDecodeError as error:
        # Whatever was asked for may have been done.
        raise Unavailable(f"Could not {action}: GitHub's answer broke off.") from error
    except requests.RequestException as error:
        # Its text names hosts and ports, which say nothing to the person who reads our message.
        raise Unavailable(f"Could not {action}: GitHub did not answer ({type(error).__name__}).") from error


@contextmanager
def unless_missing() -> Iterator[None]:
    """Leave the block where GitHub answers 404; what follows it says what a missing thing means.

    PyGithub knows only the 404 whose text is `Not Found`; `X is not a user` is another exception to it.
    """
    try:
        yield
    except GithubException as error:
        if error.status != 404:
            raise


def _message(error: GithubException) -> str:
    data = error.data
    if isinstance(data, dict):
        errors = data.get("errors")
        if errors and isinstance(errors, list) and isinstance(errors[0], dict):
            return str(errors[0].get("message") or data.get("message") or "")[:300]
        return str(data.get("message") or "")[:300]
    return str(data or error.message or "")[:300]
