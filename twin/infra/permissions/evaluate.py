"""IAM's decision on one request by the statements of a policy: an allow that matches, and no deny that does.

Identity policies only, with what our table uses of them: actions and resources with wildcards, and the operators below.
Source: AWS IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

Statement = Mapping[str, Any]
Facts = Mapping[str, str]


class UnknownCondition(ValueError):
    """A policy uses an operator that is not evaluated here."""


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    """`*` and `?` only: unlike in a shell's pattern, a bracket is a bracket."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def allowed_by(statements: Iterable[Statement], action: str, resource: str, facts: Facts) -> Statement | None:
    """The statement that allows it; None where none does, or one denies it. Raises UnknownCondition."""
    matching = [each for each in statements if matches(each, action, resource, facts)]
    if any(each["Effect"] == "Deny" for each in matching):
        return None
    return next(iter(matching), None)


def matches(statement: Statement, action: str, resource: str, facts: Facts) -> bool:
    return (
        any(action_matches(pattern, action) for pattern in _listed(statement["Action"]))
        and any(resource_matches(pattern, resource) for pattern in _listed(statement["Resource"]))
        and all(
            _condition(operator, key, _listed(values), facts)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def action_matches(pattern: str, action: str) -> bool:
    """Case is ignored in actions."""
    return bool(_glob(pattern.lower()).fullmatch(action.lower()))


def resource_matches(pattern: str, resource: str) -> bool:
    """Part by part: a wildcard before the resource's own part does not reach over a colon."""
    if pattern == "*":
        return True
    wanted, given = pattern.split(":", 5), resource.split(":", 5)
    return len(wanted) == len(given) and all(
        _glob(one).fullmatch(other) for one, other in zip(wanted, given, strict=True)
    )


def _condition(operator: str, key: str, values: list[str], facts: Facts) -> bool:
    if operator == "Null":
        return (key not in facts) == (values[0] == "true")
    if operator not in _OPERATORS:
        raise UnknownCondition(f"{operator} is not evaluated here; there are: {', '.join(_OPERATORS)}, Null.")
    # A key that the request does not carry matches nothing.
    return key in facts and any(_OPERATORS[operator](value, facts[key]) for value in values)


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringLike": lambda wanted, given: bool(_glob(wanted).fullmatch(given)),
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
    "ArnEquals": lambda wanted, given: resource_matches(wanted, given),
    "ArnLike": lambda wanted, given: resource_matches(wanted, given),
}


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
