"""Rules of security groups: their descriptions, which moto tells only where a rule names addresses."""

from __future__ import annotations

import inspect
from typing import Any

from moto.ec2.models.security_groups import SecurityGroupRule

_init = SecurityGroupRule.__init__
_PLACES = ("ip_range", "source_group", "prefix_list_id")


def _initialise(self: Any, *args: Any, **named: Any) -> None:
    _init(self, *args, **named)
    given = inspect.signature(_init).bind(self, *args, **named).arguments
    found = [given[place]["Description"] for place in _PLACES if "Description" in (given.get(place) or {})]
    self.described = found[0] if found else None


def _description(self: Any) -> str | None:
    changed = self.ip_range.get("Description") or self.source_group.get("Description")
    return changed or getattr(self, "described", None)


def mend_rules() -> None:
    SecurityGroupRule.__init__ = _initialise  # type: ignore[method-assign]
    SecurityGroupRule.description = property(_description)  # type: ignore[method-assign, assignment]
