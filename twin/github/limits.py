"""Rate limits as GitHub keeps them: the hourly budget, points a minute, and content created a minute and an hour."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, fields, replace
from typing import Any

from twin.github.problems import Problem
from twin.github.store import Clock

_PRIMARY = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"
_SECONDARY = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"


@dataclass(frozen=True)
class Limits:
    """How much one account may ask for; the figures GitHub publishes are the default."""

    core_per_hour: int = 5000
    anonymous_per_hour: int = 60
    search_per_minute: int = 30
    graphql_per_hour: int = 5000
    points_per_minute: int = 900
    """A read costs 1, a write 5."""
    content_per_minute: int = 80
    content_per_hour: int = 500
    secondary_retry_after_s: int = 60

    def changed(self, values: dict[str, Any]) -> Limits:
        """Raises ValueError naming an unknown or impossible field."""
        known = {each.name for each in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"{name} is no limit; choose from {', '.join(sorted(known))}")
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"{name}: {value!r} given; a whole number of 0 or more is needed")
        return replace(self, **values)


@dataclass
class Window:
    """One budget: `limit` until `reset` (Unix seconds)."""

    limit: int
    length_s: int
    reset: float = 0.0
    used: int = 0

    def roll(self, now: float) -> None:
        if now >= self.reset:
            self.reset, self.used = now + self.length_s, 0

    def headers(self, resource: str) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "X-RateLimit-Reset": str(int(self.reset)),
            "X-RateLimit-Used": str(self.used),
            "X-RateLimit-Resource": resource,
        }

    def shape(self) -> dict[str, int]:
        remaining = max(0, self.limit - self.used)
        return {"limit": self.limit, "used": self.used, "remaining": remaining, "reset": int(self.reset)}


@dataclass
class _Account:
    windows: dict[str, Window] = field(default_factory=dict)
    points: deque[tuple[float, int]] = field(default_factory=deque)
    content: deque[float] = field(default_factory=deque)


class Meter:
    """Counts requests by account; lost on a restart, as nothing depends on it."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def reset(self, limits: Limits | None = None) -> None:
        self.limits = limits or self.limits
        self._accounts.clear()

    def window(self, account: str, resource: str) -> Window:
        """The running budget, e.g. ("octocat", "core"); accounts without a name start with `@`."""
        known = self._accounts.setdefault(account, _Account()).windows
        limit, length_s = self._budget(account, resource)
        window = known.setdefault(resource, Window(limit, length_s))
        window.limit = limit
        window.roll(self._now())
        return window

    def check_primary(self, account: str, resource: str) -> None:
        """Raises Problem 403 when the budget is spent; counts nothing."""
        window = self.window(account, resource)
        if window.used >= window.limit:
            raise Problem(403, f"API rate limit exceeded for user {account}.", documentation=_PRIMARY)

    def check_secondary(self, account: str, *, writes: bool, creates: bool) -> None:
        """Count points and created content; raises Problem 403 with Retry-After beyond them."""
        now, limits = self._now(), self.limits
        state = self._accounts.setdefault(account, _Account())
        while state.points and state.points[0][0] <= now - 60:
            state.points.popleft()
        while state.content and state.content[0] <= now - 3600:
            state.content.popleft()
        cost = 5 if writes else 1
        last_minute = sum(1 for at in state.content if at > now - 60)
        if (
            sum(points for _, points in state.points) + cost > limits.points_per_minute
            or (creates and (last_minute >= limits.content_per_minute or len(state.content) >= limits.content_per_hour))
        ):  # fmt: skip
            raise secondary_limit(limits.secondary_retry_after_s)
        state.points.append((now, cost))
        if creates:
            state.content.append(now)

    def count(self, account: str, resource: str) -> Window:
        window = self.window(account, resource)
        window.used += 1
        return window

    def _budget(self, account: str, resource: str) -> tuple[int, int]:
        if resource == "search":
            return self.limits.search_per_minute, 60
        if account.startswith("@"):
            return self.limits.anonymous_per_hour, 3600
        return (self.limits.graphql_per_hour if resource == "graphql" else self.limits.core_per_hour), 3600

    def _now(self) -> float:
        return self._clock().timestamp()


def secondary_limit(retry_after_s: int) -> Problem:
    return Problem(
        403,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        headers={"Retry-After": str(retry_after_s)},
        documentation=_SECONDARY,
    )
