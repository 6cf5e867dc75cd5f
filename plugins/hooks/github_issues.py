"""What changed among the issues of a repository: conditional requests, all pages, the server's own clock."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from mlops.commands import parse_command

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=10)
"""GitHub's search lags behind its writes; what was seen already is told apart by number and time of change."""
RESERVE = 0.2
"""Share of the rate limit that polling leaves to the other work of this token."""
PAGE = 100
_COMMENTS = "issues/comments"


class GitHubRefused(Exception):
    """GitHub will give the same answer next time: a wrong token, repository or address."""


class Later(Exception):
    """GitHub asked for a pause of `seconds`, or did not answer."""

    def __init__(self, seconds: float, reason: str):
        super().__init__(reason)
        self.seconds = seconds


@dataclass
class IssuePoll:
    """Looks at the open issues that carry one of `labels`, and at the commands on all others; each look tells only
    what is new since the last.

    A run goes on when its label is removed or its issue closed, and its comment goes on to offer commands.
    """

    http: httpx.AsyncClient
    repository: str
    labels: Sequence[str]
    since: str | None = None
    """ISO 8601, the server's time."""
    seen: dict[str, str] = field(default_factory=dict)
    """Issue number -> its mark (see `_mark`) as it was when it was handed on, or when it was proved to be our own."""
    batch: int = 25
    comments_since: str | None = None
    """As `since`, for the comments of the whole repository; None: nothing was handed on yet, so no run can be meant."""
    heard: dict[str, str] = field(default_factory=dict)
    """Issue number -> `updated_at id` of its newest command that was handed on."""
    pause_s: float = 0.0
    """What the rate limit asks for between two looks."""
    _etags: dict[str, str] = field(default_factory=dict)
    _me: str | None = None

    @classmethod
    def from_cursor(
        cls, http: httpx.AsyncClient, repository: str, labels: Sequence[str], cursor: dict[str, Any] | None, batch: int
    ) -> IssuePoll:
        known = cursor or {}
        since = known.get("since")
        return cls(
            http, repository, labels, since, dict(known.get("seen", {})), batch,
            known.get("comments_since") or since, dict(known.get("heard", {})),
        )  # fmt: skip

    @property
    def cursor(self) -> dict[str, Any]:
        return {
            "since": self.since, "seen": self.seen, "comments_since": self.comments_since, "heard": self.heard
        }  # fmt: skip

    async def look(self) -> list[int]:
        """Numbers of at most `batch` issues that changed, the longest waiting first; the cursor moves past them.

        Raises:
            Later: ask again after that many seconds. GitHubRefused: do not ask again.
        """
        try:
            return await self._look()
        except Later:
            # What was listed and not handed on must be listed again.
            self._etags.clear()
            raise

    async def _look(self) -> list[int]:
        changed = await self._changed()
        comments = await self._comments()
        commanded = self._commanded(comments)
        waiting = {**commanded, **changed}
        chosen: list[int] = []
        for number in sorted(waiting, key=lambda number: (waiting[number].partition(" ")[0], number)):
            if len(chosen) == self.batch:
                break
            if number not in commanded and await self._is_our_own_doing(number, changed[number]):
                self.seen[str(number)] = changed[number]
            else:
                chosen.append(number)
        if handed_on := {str(number): changed[number] for number in chosen if number in changed}:
            self._advance(handed_on)
        self.heard |= {str(number): commanded[number] for number in chosen if number in commanded}
        if commanded.keys() <= set(chosen):
            self._advance_comments(comments)
        if chosen:
            self._etags.clear()
        return chosen

    async def _changed(self) -> dict[int, str]:
        found: dict[int, str] = {}
        # GitHub joins several labels by AND.
        for label in self.labels:
            for issue in await self._listed(label):
                mark = _mark(issue, self.labels)
                if "pull_request" not in issue and self.seen.get(str(issue["number"])) != mark:
                    found[issue["number"]] = mark
        return found

    def _commanded(self, comments: Sequence[Mapping[str, Any]]) -> dict[int, str]:
        """Issue -> its newest command that was not handed on, as in `heard`."""
        found: dict[int, str] = {}
        for comment in comments:
            number = int(comment["issue_url"].rpartition("/")[2])
            said = f"{comment['updated_at']} {comment['id']}"
            known = found.get(number) or self.heard.get(str(number), "")
            if _is_command(comment) and _order(said) > _order(known):
                found[number] = said
        return found

    def _advance(self, handed_on: dict[str, str]) -> None:
        newest = _time(max(handed_on.values())) - OVERLAP
        if self.since is None or newest > _time(self.since):
            self.since = _stamp(newest)
        everything = {**self.seen, **handed_on}
        self.seen = {number: mark for number, mark in everything.items() if mark >= self.since}

    def _advance_comments(self, comments: Sequence[Mapping[str, Any]]) -> None:
        since = self.comments_since or self.since
        newest = max((comment["updated_at"] for comment in comments), default=None)
        if since and newest and _time(newest) - OVERLAP > _time(since):
            since = _stamp(_time(newest) - OVERLAP)
            self._etags.pop(_COMMENTS, None)
        self.comments_since = since
        self.heard = {number: said for number, said in self.heard.items() if since and said >= since}

    async def _is_our_own_doing(self, number: int, mark: str) -> bool:
        """True only where it is proved that nobody but us touched a known issue since it was handed on.

        Each report and label of ours changes the issue too; waking intake for it would cost two tasks each time.
        """
        known, now = _parts(self.seen.get(str(number), "")), _parts(mark)
        if known is None or now is None or (known.text, known.labels) != (now.text, now.labels):
            return False
        before, added = known.updated_at, now.comments - known.comments
        if added < 0 or not await self._login():
            return False
        issues = f"repos/{self.repository}/issues"
        comments = (await self._get(f"{issues}/{number}/comments", {"since": before, "per_page": str(PAGE)}, {})).json()
        events = (await self._get(f"{issues}/events", {"per_page": str(PAGE)}, {})).json()
        if added > len(comments):
            return False
        if len(comments) == PAGE or (len(events) == PAGE and events[-1]["created_at"] > before):
            return False  # the page does not reach back far enough to prove it
        # GitHub's times are whole seconds: a comment of the second that was seen is told by its being one more.
        newest = sorted(one["id"] for one in comments)[len(comments) - added :]
        others = [
            one
            for one in comments
            if (one["updated_at"] > before or one["id"] in newest) and one["user"]["login"] != self._me
        ]
        others += [
            one
            for one in events
            if (one.get("issue") or {}).get("number") == number
            and one["created_at"] > before
            and (one.get("actor") or {}).get("login") != self._me
        ]
        return not others

    async def _login(self) -> str | None:
        """Whose token this is; None where GitHub does not say (an App's installation has no user)."""
        if self._me is None:
            try:
                self._me = (await self._get("user", None, {})).json()["login"]
            except GitHubRefused:
                self._me = ""
        return self._me or None

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

    async def _comments(self) -> list[dict[str, Any]]:
        """The comments of all issues since `comments_since`, in the order of their last change."""
        since = self.comments_since
        found: list[dict[str, Any]] = []
        headers = {"if-none-match": self._etags[_COMMENTS]} if _COMMENTS in self._etags else {}
        while since:
            query = {"sort": "updated", "direction": "asc", "since": since, "per_page": str(PAGE)}
            reply = await self._get(f"repos/{self.repository}/{_COMMENTS}", query, headers)
            if reply.status_code == 304:
                return []
            page = reply.json()
            if not found and len(page) < PAGE and "etag" in reply.headers:
                self._etags[_COMMENTS] = reply.headers["etag"]
            found += page
            if len(page) < PAGE:
                break
            # Not the next page by number: an edit moves a comment to the end, and another then slips past.
            newest = page[-1]["updated_at"]
            since, headers = newest if newest > since else _stamp(_time(since) + timedelta(seconds=1)), {}
        return found

    async def _get(self, url: str, query: dict[str, str] | None, headers: dict[str, str]) -> httpx.Response:
        import httpx

        try:
            reply = await self.http.get(url, params=query, headers=headers)
        except httpx.TransportError as error:
            # Not its text: a client may quote the header that it could not send.
            raise Later(10.0, f"GitHub did not answer: {type(error).__name__}") from error
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
        return max(1.0, _retry_after(reply))
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


def _retry_after(reply: httpx.Response) -> float:
    """GitHub says seconds; a proxy in front of it may say a date (RFC 9110, 10.2.3)."""
    told = reply.headers["retry-after"].strip()
    if told.isdecimal():
        return float(told)
    try:
        return parsedate_to_datetime(told).timestamp() - _server_time(reply)
    except ValueError:
        return 60.0


def _until_reset(reply: httpx.Response) -> float:
    reset = float(reply.headers.get("x-ratelimit-reset", 0))
    return max(0.0, reset - _server_time(reply))


def _server_time(reply: httpx.Response) -> float:
    """Seconds since 1970 by the server's clock; ours may be wrong."""
    now = parsedate_to_datetime(reply.headers["date"]) if "date" in reply.headers else datetime.now(UTC)
    return now.timestamp()


@dataclass(frozen=True)
class _Mark:
    updated_at: str
    text: str
    comments: int
    labels: str


def _mark(issue: Mapping[str, Any], watched: Sequence[str]) -> str:
    """When an issue changed, and what tells two changes within one second apart: its text, comments, watched labels."""
    text = f"{issue['title']}\0{issue['body']}\0{issue['state']}"
    labels = sorted({label["name"] for label in issue["labels"]} & set(watched))
    return f"{issue['updated_at']} {_short(text)} {issue['comments']} {_short(*labels)}"


def _short(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def _parts(mark: str) -> _Mark | None:
    """None for no mark, or one of an older version."""
    parts = mark.split(" ")
    return _Mark(parts[0], parts[1], int(parts[2]), parts[3]) if len(parts) == 4 else None


def _is_command(comment: Mapping[str, Any]) -> bool:
    """True for a command that is written out, on an issue. Who wrote it is asked by whoever obeys."""
    if comment["html_url"].partition("#")[0].rpartition("/")[0].endswith("/pull"):
        return False
    command = parse_command(comment["body"] or "")
    # Code blocks are everywhere, and one without a command answers only a run that waits: they wake nobody.
    return command is not None and not command.implicit


def _order(said: str) -> tuple[str, int]:
    at, _, id = said.partition(" ")
    return at, int(id or 0)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(mark: str) -> datetime:
    return datetime.fromisoformat(mark.partition(" ")[0].replace("Z", "+00:00"))
