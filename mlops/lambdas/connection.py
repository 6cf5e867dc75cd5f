"""The agents' tokens where Airflow keeps them: its connection to the MCP server, a secret of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mlops.lambdas import tokens

NAME = "connections/mlops_mcp"
"""`{"extra": {"tokens": {agent: token}}}`."""


@dataclass(frozen=True)
class AgentTokens:
    """Tokens in the connection of that name; none where there is no connection, or one of another shape."""

    manager: Any
    name: str

    def renew(self, keys: Sequence[str], now: float) -> None:
        """Sign anew with the first of `keys` whatever one of them has signed and is not over; leave the rest alone."""
        connection = self._read()
        if not keys or connection is None:
            return
        agents = connection["extra"]["tokens"]
        renewed = {agent: new for agent, token in agents.items() if (new := _renewed(token, keys, now))}
        if renewed:
            told = {**connection, "extra": {**connection["extra"], "tokens": {**agents, **renewed}}}
            self.manager.put_secret_value(SecretId=self.name, SecretString=json.dumps(told))

    def ending_before(self, moment: float, keys: Iterable[str]) -> str:
        """Whose tokens are not signed by one of `keys` until then; "all tokens" where there is no connection."""
        connection = self._read()
        if connection is None:
            return "all tokens"
        agents = connection["extra"]["tokens"]
        return ", ".join(sorted(agent for agent, token in agents.items() if not _lasts(token, keys, moment)))

    def _read(self) -> dict[str, Any] | None:
        try:
            found = self.manager.get_secret_value(SecretId=self.name).get("SecretString")
            connection = json.loads(found or "")
            return connection if isinstance(connection["extra"]["tokens"], dict) else None
        except (self.manager.exceptions.ResourceNotFoundException, ValueError, TypeError, KeyError):
            return None


def _renewed(token: object, keys: Sequence[str], now: float) -> str | None:
    try:
        return tokens.renewed(str(token), keys, keys[0], now)
    except tokens.NotOurs:
        return None


def _lasts(token: object, keys: Iterable[str], until: float) -> bool:
    try:
        return tokens.ends(str(token), keys) >= until
    except tokens.NotOurs:
        return False
