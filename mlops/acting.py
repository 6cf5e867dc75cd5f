"""Acting as an agent: AWS is asked with the role of the agent that a call is for, in a session named after the run."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mlops.identity import bounded_name

_SESSION_LENGTH = 64
_RENEW_BEFORE = timedelta(minutes=5)
_MOST_SESSIONS = 512
"""Kept at a time; the one that was used the longest ago is assumed anew when it is needed again."""


@dataclass(frozen=True)
class Actor:
    agent: str
    session: str
    """What CloudTrail shows beside the role: the run's key, or the tool where no run is meant."""


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)


def actor() -> Actor | None:
    """Who acts in this context; None: nobody but the process itself."""
    return _actor.get()


@contextmanager
def acting(agent: str, session: str) -> Iterator[None]:
    """Calls of AWS in this context are made as `agent`. A thread begins without: hand it a copy of the context."""
    fit = re.fullmatch(r"[\w+=,.@-]{2,64}", session)
    name = session if fit else bounded_name("about", session, limit=_SESSION_LENGTH)
    token = _actor.set(Actor(agent, name))
    try:
        yield
    finally:
        _actor.reset(token)


class AgentCredentials:
    """Credentials that change with the actor: its role's, or the process's own where nobody acts.

    One client a service then serves every agent: botocore asks for credentials with each request.
    """

    method = "assume-role"

    def __init__(self, own: Any, sts: Any, role_prefix: str):
        """`role_prefix` and an agent's name make the ARN of its role; `own` is what a process has by itself."""
        self._own, self._sts, self._prefix = own, sts, role_prefix
        self._lock = threading.Lock()
        self._sessions: OrderedDict[Actor, tuple[datetime, Any]] = OrderedDict()

    def get_frozen_credentials(self) -> Any:
        who = actor()
        return self._of(who) if who else self._own.get_frozen_credentials()

    def get_deferred_property(self, name: str) -> Any:
        """botocore asks for `account_id`, to address DynamoDB by it; without one it takes the region's address."""
        return lambda: None

    def _of(self, who: Actor) -> Any:
        with self._lock:
            until, known = self._sessions.get(who, (None, None))
            if until is None or until - datetime.now(UTC) < _RENEW_BEFORE:
                until, known = self._assume(who)
                self._sessions[who] = (until, known)
            self._sessions.move_to_end(who)
            while len(self._sessions) > _MOST_SESSIONS:
                self._sessions.popitem(last=False)
            return known

    def _assume(self, who: Actor) -> tuple[datetime, Any]:
        from botocore.credentials import ReadOnlyCredentials

        given = self._sts.assume_role(RoleArn=f"{self._prefix}{who.agent}", RoleSessionName=who.session)
        found = given["Credentials"]
        read_only = ReadOnlyCredentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
        return found["Expiration"], read_only
