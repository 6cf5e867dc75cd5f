"""Faults on demand: what a network and a busy service do to a request, by rule and by count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

KINDS = (
    "status",  # answered with `status`, nothing happens
    "delay",  # `delay_s` before anything happens
    "reset",  # the connection breaks, nothing happens
    "lost_reply",  # everything happens, then the connection breaks
    "reply_500_after_effect",  # everything happens, then a 500
    "secondary_limit",
    "primary_limit",
    "bad_json",  # everything happens, the reply is cut in the middle
)


@dataclass
class Rule:
    """One fault: which requests, what happens, how often."""

    match: re.Pattern[str]
    """Searched in `METHOD /path?query`."""
    fault: str
    count: int
    after: int = 0
    """Matching requests that pass before the first fault."""
    status: int = 503
    delay_s: float = 0.0
    retry_after_s: int | None = None
    hits: int = 0

    @classmethod
    def parse(cls, given: dict[str, Any]) -> Rule:
        """Raises ValueError in words for whoever wrote the rule."""
        known = {"match", "fault", "count", "after", "status", "delay_s", "retry_after_s"}
        if unknown := set(given) - known:
            raise ValueError(f"{', '.join(sorted(unknown))} unknown; a rule has {', '.join(sorted(known))}")
        if given.get("fault") not in KINDS:
            raise ValueError(f"fault: {given.get('fault')!r} given; choose from {', '.join(KINDS)}")
        try:
            pattern = re.compile(str(given.get("match", "")))
        except re.error as wrong:
            raise ValueError(f"match: {given['match']!r} is no regular expression ({wrong})") from wrong
        retry_after = given.get("retry_after_s")
        return cls(
            match=pattern,
            fault=str(given["fault"]),
            count=int(given.get("count", 1)),
            after=int(given.get("after", 0)),
            status=int(given.get("status", 503)),
            delay_s=float(given.get("delay_s", 0.0)),
            retry_after_s=None if retry_after is None else int(retry_after),
        )

    def shape(self) -> dict[str, Any]:
        return {
            "match": self.match.pattern,
            "fault": self.fault,
            "left": self.count,
            "after": self.after,
            "hits": self.hits,
        }


class Faults:
    """The rules in force. The first rule that matches and has hits left is taken."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(self, rules: list[Rule]) -> None:
        self.rules.extend(rules)

    def clear(self) -> None:
        self.rules.clear()

    def take(self, line: str) -> Rule | None:
        for rule in self.rules:
            if rule.count > 0 and rule.match.search(line):
                if rule.after > 0:
                    rule.after -= 1
                    continue
                rule.count -= 1
                rule.hits += 1
                return rule
        return None
