"""Faults on demand: rules by which chosen calls throttle, fail or lose their reply, or a job dies of the platform."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from twin.aws.wire import AwsError

CALL_FAULTS = {
    "throttle": ("ThrottlingException", "Rate exceeded", 400),
    "500": ("InternalFailure", "We encountered an internal error. Please try again.", 500),
    "503": ("ServiceUnavailable", "Service is unable to handle request.", 503),
    "access_denied": ("AccessDeniedException", "User is not authorized to perform this action", 403),
    "not_visible": ("ValidationException", "Requested resource not found.", 400),
    "limit": ("ResourceLimitExceeded", "The account-level service limit was reached.", 400),
}
"""Answered without the effect."""
REPLY_FAULTS = {"lost_reply", "500_after_effect", "delay"}
"""The effect happens; the reply is lost (connection closed), turned into a 500, or late by `delay_s`."""
JOB_FAULTS = {
    "job_platform_failure": "InternalServerError: We encountered an internal error. Please try again.",
    "job_capacity": "CapacityError: Unable to provision requested ML compute capacity. "
    "Please retry using a different ML instance type.",
}
"""A job whose name matches ends Failed with this reason: at once, or `delay_s` after its process started."""
PING_FAULT = "ping"
"""A server of a matching endpoint or model name never becomes healthy."""
KNOWN = {*CALL_FAULTS, *REPLY_FAULTS, *JOB_FAULTS, PING_FAULT}


@dataclass
class Rule:
    """`op` and `name` are globs: `CreateTrainingJob`, `dynamodb:PutItem`, `*`; `name` is the resource's, if known."""

    fault: str
    op: str = "*"
    name: str = "*"
    count: int = 1
    """How often it strikes; -1: until removed."""
    after: int = 0
    """Matching calls that pass before the first strike."""
    delay_s: float = 0.0
    id: int = 0
    struck: int = field(default=0)


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._ids = itertools.count(1)

    def add(self, wanted: dict[str, Any]) -> dict[str, Any]:
        try:
            rule = Rule(**wanted)
        except TypeError as wrong:
            raise AwsError("BadRule", str(wrong)) from wrong
        if rule.fault not in KNOWN:
            raise AwsError("BadRule", f"fault: '{rule.fault}' is unknown; choose one of {', '.join(sorted(KNOWN))}")
        with self._lock:
            rule.id, rule.struck = next(self._ids), 0
            self._rules.append(rule)
        return asdict(rule)

    def list(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(rule) for rule in self._rules]

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def strike(self, among: Collection[str], name: str, *operations: str) -> Rule | None:
        """The first rule that hits this call, counted as spent once; None where none does."""
        if not self._rules:
            return None
        with self._lock:
            for rule in self._rules:
                if rule.fault not in among or not rule.count or not fnmatchcase(name, rule.name):
                    continue
                if operations and not any(fnmatchcase(operation, rule.op) for operation in operations):
                    continue
                if rule.after > 0:
                    rule.after -= 1
                    continue
                rule.count -= 1 if rule.count > 0 else 0
                rule.struck += 1
                return rule
        return None


def error_of(rule: Rule) -> AwsError:
    code, message, status = CALL_FAULTS[rule.fault]
    return AwsError(code, message, status)
