"""What changed among the issues of a repository: conditional requests, all pages, the server's own clock."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=10)
"""GitHub's search lags behind its writes; what was seen already is told apart by number and time of change."""
RESERVE = 0.2
"""Share of the rate limit that polling leaves to the other work of this token."""
PAGE = 100


class GitHubRefused(Exception):
    """GitHub will give the same answer next time: a wrong token, repository or address."""


class Later(Exception):
    """GitHub asked for a pause of `seconds`, or did not answer."""

    def __init__(self, seconds: float, reason: str):
        super().__init__(reason)
        self.seconds = seconds


@dataclass
class IssuePoll:
    """Looks at the open issues that carry one of `labels`; each look tells only what changed since the last."""

    http: httpx.AsyncClient
    repository: str
    labels: Sequence[str]
    since: str | None = None
    """ISO 8601, the server's time."""
    seen: dict[str, str] = field(default_factory=dict)
    """Issue number -> `updated_at` as it was when it was handed on."""
    batch: int = 25
    pause_s: float = 0.0
    """What the rate limit asks for between two looks."""
    _etags: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_cursor(
        cls, http: httpx.AsyncClient, repository: str, labels: Sequence[str], cursor: dict[str, Any] | None, batch: int
    ) -> IssuePoll:
        known = cursor or {}
        return cls(http, repository, labels, known.get("since"), dict(known.get("seen", {})), batch)

    @property
    def cursor(self) -> dict[str, Any]:
        return {"since": self.since, "seen": self.seen}

    async def look(self) -> list[int]:
        """Numbers of at most `batch` issues that changed, the longest waiting first; the cursor moves past them.

        Raises:
            Later: ask again after that many seconds. GitHubRefused: do not ask again.
        """
        found: dict[int, str] = {}
        # GitHub joins several labels by AND.
        for label in self.labels:
            for issue in await self._listed(label):
                if "pull_request" not in issue and self.seen.get(str(issue["number"])) != issue["updated_at"]:
                    found[issue["number"]] = issue["updated_at"]
        chosen = sorted(found, key=lambda number: (found[number], number))[: self.batch]
        if chosen:
            self._advance({str(number): found[number] for number in chosen})
        return chosen

    def _advance(self, handed_on: dict[str, str]) -> None:
        newest = _time(max(handed_on.values())) - OVERLAP
        if self.since is None or newest > _time(self.since):
            self.since = newest.strftime("%Y-%m-%dT%H:%M:%SZ")
        everything = {**self.seen, **handed_on}
        self.seen = {number: at for number, at in everything.items() if at >= self.since}
        self._etags.clear()

    async def _listed(self, label: str) -> list[dict[str, Any]]:
        query = {"state": "open", "labels": label, "sort": "updated", "direction": "asc", "per_page": str(PAGE)}
        if self.since:
            query["since"] = self.since
        headers = {"if-none-match": self._etags[label]} if label in self._etags else {}
        url: str | None = f"repos/{self.repository}/issues"
        issues: list[dict[str, Any]] = []
        pages = 0
        while url:
            reply = await self._get(url, query if pages == 0 else None, headers)
            if reply.status_code == 304:
                return []
            issues += reply.json()
            url, headers, pages = reply.links.get("next", {}).get("url"), {}, pages + 1
            # A newcomer joins at the end: an unchanged first page of several would hide it.
            if pages == 1 and not url and "etag" in reply.headers:
                self._etags[label] = reply.headers["etag"]
        return issues

    async def _get(self, url: str, query: dict[str, str] | None, headers: dict[str, str]) -> httpx.Response:
        import httpx

        try:
            reply = await self.http.get(url, params=query, headers=headers)
        except httpx.TransportError as error:
            raise Later(10.0, f"GitHub did not answer: {type(error).__name__} {error}") from error
        if reply.status_code in (403, 429) and (wait := asked_pause(reply)) is not None:
            raise Later(wait, f"GitHub's rate limit is reached; waiting {wait:.0f} s")
        if reply.status_code >= 500:
            raise Later(10.0, f"GitHub answered HTTP {reply.status_code}")
        if reply.status_code >= 400:
            raise GitHubRefused(f"GitHub answered HTTP {reply.status_code} to {reply.request.url}: {reply.text[:200]}")
        self.pause_s = fair_pause(reply)
        return reply


def asked_pause(reply: httpx.Response) -> float | None:
    """Seconds to wait after a 403 or 429; None where it is a refusal and not a limit."""
    if "retry-after" in reply.headers:
        return max(1.0, float(reply.headers["retry-after"]))
    if reply.headers.get("x-ratelimit-remaining") == "0":
        return _until_reset(reply) + 1.0
    # A secondary limit may come without headers.
    if reply.status_code == 429 or "rate limit" in reply.text.lower():
        return 60.0
    return None


def fair_pause(reply: httpx.Response) -> float:
    """Seconds between requests that keep RESERVE of the hourly budget for others; 0 while there is plenty."""
    limit, remaining = reply.headers.get("x-ratelimit-limit"), reply.headers.get("x-ratelimit-remaining")
    if limit is None or remaining is None:
        return 0.0
    left = int(remaining) - RESERVE * int(limit)
    return _until_reset(reply) / max(left, 1.0)


def _until_reset(reply: httpx.Response) -> float:
    """Seconds by the server's clock; ours may be wrong."""
    reset = float(reply.headers.get("x-ratelimit-reset", 0))
    now = parsedate_to_datetime(reply.headers["date"]) if "date" in reply.headers else datetime.now(UTC)
    return max(0.0, reset - now.timestamp())


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
